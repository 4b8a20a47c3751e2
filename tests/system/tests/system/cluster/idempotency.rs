//! Requests under idempotency keys: answered once in the whole cluster, whoever is asked and whoever is lost (atp.md 13.3).

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::fixture::{Cluster, question, serves};
use crate::fixture::{Mock, Node, Reply, until};

/// An answer that takes two seconds, token by token.
const SLOW: &str = "[[upstream prompt_tokens=4 completion_tokens=20 interval_ms=100]]";

fn slow(stream: bool) -> Value {
    json!({ "model": "mock", "stream": stream, "messages": [{ "role": "user", "content": SLOW }] })
}

async fn ask(node: &Node, key: &str, name: &str, body: Value) -> Reply {
    node.chat(key, body).header("idempotency-key", name).send().await
}

/// Three members that serve the holder of the key of account `acme`.
async fn cluster(mock: &Mock) -> (Cluster, String) {
    let cluster = Cluster::start(mock, 3).await;
    cluster.leaders().await;
    cluster.node(1).account("acme", json!({})).await;
    let key = cluster.node(1).key("acme").await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    (cluster, key)
}

/// Calls that reached the provider.
async fn calls(mock: &Mock) -> u64 {
    mock.stats().await.requests
}

#[tokio::test]
async fn a_request_is_answered_once_whichever_node_is_asked_and_killed() {
    let mock = Mock::start();
    let (mut cluster, key) = cluster(&mock).await;
    let before = calls(&mock).await;
    let first = ask(cluster.node(2), &key, "k-1", question()).await.ok();
    assert_eq!(first.header("x-atp-idempotent-replay"), "");
    assert_eq!(calls(&mock).await, before + 1);
    for node in cluster.nodes() {
        let repeat = ask(node, &key, "k-1", question()).await.ok();
        assert_eq!(repeat.header("x-atp-idempotent-replay"), "true");
        assert_eq!(repeat.json(), first.json());
        let other = ask(node, &key, "k-1", slow(false)).await;
        assert_eq!(other.status, 409, "{}", other.text());
        assert_eq!(
            other.json()["error"]["code"],
            "idempotency-key-reused",
            "{}",
            other.text()
        );
    }
    cluster.kill(2);
    for number in [1, 3] {
        let again = until("a group to have a leader", async || {
            let reply = ask(cluster.node(number), &key, "k-1", question()).await;
            (reply.status == 200).then_some(reply)
        })
        .await;
        assert_eq!(again.header("x-atp-idempotent-replay"), "true");
        assert_eq!(again.json(), first.json());
    }
    cluster.run(2).await;
    let again = until("a node to serve again", async || {
        let reply = ask(cluster.node(2), &key, "k-1", question()).await;
        (reply.status == 200).then_some(reply)
    })
    .await;
    assert_eq!(again.json(), first.json());
}

#[tokio::test]
async fn of_many_at_once_at_all_nodes_one_runs() {
    let mock = Mock::start();
    let (cluster, key) = cluster(&mock).await;
    let before = calls(&mock).await;
    let asked = (0..12).map(|number| ask(cluster.node(1 + number % 3), &key, "k-1", slow(false)));
    let answers = join_all(asked).await;
    let said: BTreeSet<String> = answers.into_iter().map(|reply| reply.ok().text()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(calls(&mock).await, before + 1);
    let streamed = cluster.node(1).chat(&key, slow(true));
    let mut first = streamed.header("idempotency-key", "k-2").open().await;
    let mut told = first.read_until("\"@").await;
    // Followed from its start, or told whole where the other node has not heard yet that it runs.
    let again = ask(cluster.node(2), &key, "k-2", slow(true)).await.ok();
    told += &first.rest().await.text();
    assert_eq!(again.text(), told);
    assert_eq!(calls(&mock).await, before + 2);
}

/// Whether it was charged nobody knows, so it is not done again under its key.
#[tokio::test]
async fn a_request_whose_node_is_killed_before_it_answered_is_not_run_again() {
    let mock = Mock::start();
    let (mut cluster, key) = cluster(&mock).await;
    let before = calls(&mock).await;
    let mut running = cluster
        .node(2)
        .chat(&key, slow(true))
        .header("idempotency-key", "k-1")
        .open()
        .await;
    running.read_until("\"@").await;
    // One waits for its end meanwhile, at a node that does not relay because the key stands in the body.
    let body = json!({ "model": "mock", "prompt": SLOW, "idempotency_key": "k-2" });
    let asked = cluster.node(2).post("/v1/ask", body.clone()).key(&key);
    let mut other = asked.open().await;
    other.read_until("\"chunk\"").await;
    let waiting = cluster.node(3).post("/v1/ask", body.clone()).key(&key).send();
    let killing = async {
        until("both to run", async || {
            (calls(&mock).await == before + 2).then_some(())
        })
        .await;
        cluster.node(2).signal_kill();
    };
    let (told, ()) = tokio::join!(waiting, killing);
    assert_eq!(told.status, 409, "{}", told.text());
    assert_eq!(told.json()["wire_code"], "EIDEM", "{}", told.text());
    cluster.kill(2);
    for number in [1, 3] {
        until("the loss to be known", async || {
            let reply = ask(cluster.node(number), &key, "k-1", slow(true)).await;
            (reply.status == 409 && reply.text().contains("was lost")).then_some(())
        })
        .await;
    }
    cluster.run(2).await;
    serves(cluster.node(2), &key).await;
    let reply = ask(cluster.node(2), &key, "k-1", slow(true)).await;
    assert_eq!(reply.status, 409, "{}", reply.text());
    let again = ask(cluster.node(2), &key, "k-3", question()).await;
    assert_eq!(again.status, 200, "{}", again.text());
}
