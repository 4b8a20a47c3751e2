//! A cluster as operators run it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::fixture::{Cluster, question, serves, state};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

/// `atpctl --json` with the operator's key, at a node.
pub(super) fn ctl(node: &Node, line: &str) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
        .args(line.split(' '))
        .arg("--json")
        .env_clear()
        .env("ATP_URL", &node.api)
        .env("ATP_ADMIN_KEY", ADMIN_KEY)
        .output();
    command.expect("atpctl can be run")
}

/// What it wrote, of a run that went well.
pub(super) fn told(node: &Node, line: &str) -> Value {
    let output = ctl(node, line);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not JSON: {output:?}"))
}

/// Waits until a node sees what `check` looks for in its cluster.
async fn sees(node: &Node, what: &str, check: impl Fn(&Value) -> bool) {
    until(what, async || check(&state(node).await).then_some(())).await;
}

fn leads(status: &Value, node: usize) -> &Value {
    &status["members"][node - 1]["leads"]
}

/// A key that every node knows.
async fn key(cluster: &Cluster) -> String {
    let key = cluster.node(1).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    key
}

#[tokio::test]
async fn what_only_a_leader_can_do_is_done_there() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 3).await;
    for to in [1, 2, 3] {
        told(cluster.node(2), &format!("cluster transfer J0 {to}"));
        sees(
            cluster.node(1),
            "the group to be led by whom it was handed to",
            |state| {
                let group = &state["groups"][1];
                group["group"] == "J0" && group["leader"] == to
            },
        )
        .await;
    }
    let taken = told(cluster.node(3), "cluster snapshot");
    let taken = taken["snapshots"].as_array().unwrap();
    assert_eq!(taken.len(), 9, "{taken:?}");
    assert!(taken.iter().all(|of| of["index"].as_u64() > Some(0)), "{taken:?}");
    let one = told(cluster.node(3), "cluster snapshot meta");
    assert_eq!(one["snapshots"][0]["group"], "meta", "{one}");
    assert_eq!(
        ctl(cluster.node(1), "cluster transfer J9 1").status.code(),
        Some(1)
    );
    assert_eq!(
        ctl(cluster.node(1), "cluster transfer J0 9").status.code(),
        Some(1)
    );
}

/// Requests that a node had others carry out.
async fn relays(node: &Node) -> u64 {
    let metrics = node.get("/metrics").key(ADMIN_KEY).send().await.ok().text();
    let counted = metrics
        .lines()
        .filter(|line| line.starts_with("relay_requests_total"));
    counted
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn a_member_that_drains_leads_nothing_and_hands_new_work_on_until_that_is_undone() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 3).await;
    let key = key(&cluster).await;
    told(cluster.node(1), "cluster transfer J1 3");
    told(cluster.node(1), "cluster drain 3");
    until("the drained node to say so", async || {
        (cluster.node(3).get("/readyz").send().await.status == 503).then_some(())
    })
    .await;
    let before = relays(cluster.node(3)).await;
    let reply = cluster.node(3).chat(&key, question()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(relays(cluster.node(3)).await > before, "another did it");
    sees(cluster.node(1), "node 3 to lead nothing", |state| {
        *leads(state, 3) == 0
    })
    .await;
    let balanced = told(cluster.node(1), "cluster balance");
    let moves = balanced["moves"].as_array().unwrap();
    assert!(moves.iter().all(|moved| moved["to"] != 3), "{balanced}");
    assert_eq!(cluster.node(1).chat(&key, question()).send().await.status, 200);

    told(cluster.node(2), "cluster drain 3 --undo");
    until("node 3 to take work again", async || {
        (cluster.node(3).get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    let before = relays(cluster.node(3)).await;
    assert_eq!(cluster.node(3).chat(&key, question()).send().await.status, 200);
    assert_eq!(relays(cluster.node(3)).await, before, "it did so itself");
    told(cluster.node(2), "cluster balance");
    sees(cluster.node(1), "node 3 to lead again", |state| {
        leads(state, 3).as_u64() > Some(0)
    })
    .await;
}

#[tokio::test]
async fn a_policy_is_waited_for_everywhere_and_who_is_silent_is_named() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let document = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(document.path(), "policies:\n  - id: default\n").unwrap();
    let path = document.path().to_str().unwrap();
    let applied = told(cluster.node(2), &format!("policy apply {path} --wait"));
    assert_eq!((&applied["behind"], &applied["silent"]), (&json!([]), &json!([])));
    for node in cluster.nodes() {
        let shown = told(node, "policy show");
        assert_eq!(shown["version"], applied["version"], "{}", node.api);
    }
    cluster.kill(3);
    let applied = told(cluster.node(1), &format!("policy apply {path} --wait"));
    assert_eq!(applied["silent"].as_array().unwrap().len(), 1, "{applied}");
    assert!(
        applied["silent"][0].as_str().unwrap().starts_with("node 3"),
        "{applied}"
    );
}

#[tokio::test]
async fn no_request_fails_at_the_others_while_each_node_in_turn_is_restarted() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let key = key(&cluster).await;
    for number in 1..=3 {
        let other = number % 3 + 1;
        // It keeps the node from stopping at once.
        let prompt = "[[upstream prompt_tokens=4 completion_tokens=100 interval_ms=15]]";
        let long = json!({
            "model": "mock", "stream": true, "max_tokens": 100,
            "messages": [{ "role": "user", "content": prompt }],
        });
        let mut stream = cluster.node(number).chat(&key, long).open().await;
        stream.read_until("\"@").await;
        let leaving = cluster.forget(number);
        leaving.terminate();
        for at in 0..60 {
            // Sessions of every group, some of them owned by the node that leaves.
            let session = format!("s_{number}_{at}");
            let work = cluster.node(other).chat(&key, question());
            let reply = work.header("x-session-id", &session).send().await;
            assert_eq!(reply.status, 200, "{number} {at}: {}", reply.text());
        }
        assert!(stream.rest().await.text().ends_with("data: [DONE]\n\n"));
        let (status, setup) = leaving.ended().await;
        assert!(status.success(), "{status}");
        cluster.back(number, setup).await;
        until("the node to be ready again", async || {
            let ready = cluster.node(number).get("/readyz").send().await;
            (ready.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_doctor_proves_every_pair_and_names_who_is_missing() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    let state = |doctor: &Value, check: &str| {
        let checks = doctor["checks"].as_array().expect("a list");
        let found = checks.iter().find(|of| of["check"] == check);
        found.map(|of| of["state"].clone()).unwrap_or_default()
    };
    let examine = |node: &Node| -> Value {
        serde_json::from_slice(&ctl(node, "doctor").stdout).expect("a report, however it goes")
    };
    until("every pair to be connected both ways", async || {
        let doctor = examine(cluster.node(2));
        let is_sound = ["members", "links", "certificates", "clocks", "groups"]
            .iter()
            .all(|check| state(&doctor, check) == "ok");
        is_sound.then_some(())
    })
    .await;
    cluster.kill(3);
    until("the doctor to miss a member", async || {
        let doctor = examine(cluster.node(2));
        let is_told = ["members", "links"]
            .iter()
            .all(|check| state(&doctor, check) == "failed");
        // Two of three are a quorum, once they have elected.
        (is_told && state(&doctor, "groups") == "ok").then_some(())
    })
    .await;
}
