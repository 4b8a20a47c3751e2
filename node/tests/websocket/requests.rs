//! Streams of native clients: shapes, several at once, giving up, not reading.

use serde_json::{Value, json};

use super::fixture::{Agent, Manners, client, on_node, on_node_with, request};
use crate::fixture::frame;

const DOCUMENT: &str = "Routers decide where work goes. Budgets bound what it may cost. Policies say who may ask. \
                        Streams carry answers as they are made. Every hold is settled once.";

#[test]
fn a_client_without_hello_is_granted_a_window_and_gets_its_answer() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.send(request("a", "summarizer.local", DOCUMENT)).await;
        let granted = peer.of_type("control.window_update").await;
        assert_eq!(granted["flags"], json!(["SYN", "ACK"]), "{granted}");
        assert_eq!(granted["payload"]["content"]["reason"], "grant");
        let last = peer.answer().await;
        assert!(
            last["flags"].as_array().unwrap().contains(&json!("FIN")),
            "{last}"
        );
        assert!(
            !last["payload"]["content"]["result"]["text"]
                .as_str()
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            last["payload"]["content"]["telemetry"]["model_used"],
            "summarizer.local"
        );
        assert_eq!(last["payload"]["in_reply_to"], 1);
        setup.settled().await;
    });
}

#[test]
fn partials_come_in_order_and_add_up_to_what_the_agent_said() {
    on_node(async |setup| {
        Agent::ready(&setup, "echo").await.work(Manners::Echo);
        let mut peer = client(&setup).await;
        peer.greet(json!({ "features": ["provisional", "status"] })).await;
        peer.send(request("a", "echo", "one two three four")).await;
        let (mut text, mut seqs) = (String::new(), Vec::new());
        let last = loop {
            let said = peer.frame().await;
            match said["payload"]["type"].as_str().unwrap() {
                "agent.result.partial" => {
                    text.push_str(said["payload"]["content"]["text"].as_str().unwrap());
                    seqs.push(said["msg_seq"].as_u64().unwrap());
                }
                "agent.result.final" => break said,
                _ => {}
            }
        };
        assert_eq!(text, "one two three four");
        seqs.push(last["msg_seq"].as_u64().unwrap());
        assert!(seqs.is_sorted_by(|a, b| a + 1 == *b || a < b), "{seqs:?}");
        assert_eq!(last["payload"]["content"]["telemetry"]["out_tokens"], 2);
        setup.settled().await;
    });
}

#[test]
fn several_streams_of_one_connection_are_answered_each() {
    on_node(async |setup| {
        Agent::ready(&setup, "echo").await.work(Manners::Echo);
        let mut peer = client(&setup).await;
        let names: Vec<String> = (0..6).map(|stream| format!("stream-{stream}")).collect();
        for name in &names {
            peer.send(request(name, "echo", name)).await;
        }
        let mut answers = std::collections::BTreeMap::new();
        while answers.len() < names.len() {
            let last = peer.answer().await;
            let text = last["payload"]["content"]["result"]["text"].clone();
            answers.insert(last["stream_id"].as_str().unwrap().to_owned(), text);
        }
        for name in &names {
            assert_eq!(answers[name], Value::from(name.as_str()));
        }
        setup.settled().await;
    });
}

#[test]
fn a_reset_stops_the_agent_and_settles() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (mut peer, asked) = agent.employed(&setup, "count to ten").await;
        agent.partial(&asked, "one ").await;
        peer.of_type("agent.result.partial").await;
        let cancel = json!({ "code": "ECANCEL", "error": "cancelled", "message": "no", "retryable": false, "scope": "stream" });
        peer.send(frame(
            "a",
            2,
            &["RST"],
            json!({ "type": "control.error", "content": cancel }),
        ))
        .await;
        let told = agent.peer.of_type("control.error").await;
        assert_eq!(told["stream_id"], asked.stream.as_str());
        assert_eq!(told["payload"]["content"]["code"], "ECANCEL");
        setup.settled().await;
    });
}

#[test]
fn a_client_that_goes_away_settles() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "slow").await;
        let (mut peer, asked) = agent.employed(&setup, "count to ten").await;
        agent.partial(&asked, "one ").await;
        peer.of_type("agent.result.partial").await;
        drop(peer);
        assert_eq!(agent.peer.error().await, "ECANCEL");
        setup.settled().await;
    });
}

#[test]
fn an_unknown_model_is_an_error_that_ends_the_stream_only() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        peer.send(request("a", "nobody", "hello")).await;
        let refused = peer.of_type("control.error").await;
        assert_eq!(refused["stream_id"], "a");
        assert_eq!(refused["flags"], json!(["RST", "CTRL"]));
        peer.send(request("b", "summarizer.local", DOCUMENT)).await;
        assert_eq!(peer.answer().await["stream_id"], "b");
    });
}

#[test]
fn an_agent_that_floods_a_client_that_does_not_read_is_stopped_and_costs_nobody_else() {
    on_node_with(
        |config| config.limits.write_stall_ms = 300,
        async |setup| {
            let mut agent = Agent::ready(&setup, "flood").await;
            let (deaf, asked) = agent.employed(&setup, "everything").await;
            agent.flood(&asked).await;
            assert_eq!(agent.peer.error().await, "ECANCEL");
            let mut other = client(&setup).await;
            other.send(request("b", "summarizer.local", DOCUMENT)).await;
            other.answer().await;
            drop(deaf);
            setup.settled().await;
        },
    );
}

#[test]
fn a_repeat_under_an_idempotency_key_is_told_the_first_answer() {
    on_node(async |setup| {
        let mut peer = client(&setup).await;
        let mut answers = Vec::new();
        for stream in ["a", "b"] {
            let mut asked = request(stream, "summarizer.local", DOCUMENT);
            asked["meta"]["idempotency_key"] = "k-1".into();
            peer.send(asked).await;
            answers.push(peer.answer().await["payload"]["content"].clone());
        }
        let replays = answers
            .iter()
            .map(|answer| &answer["telemetry"]["idempotent_replay"]);
        assert_eq!(replays.collect::<Vec<_>>(), [&Value::Null, &json!(true)]);
        assert_eq!(answers[0]["result"], answers[1]["result"]);
        let mut other = request("c", "summarizer.local", "Something else.");
        other["meta"]["idempotency_key"] = "k-1".into();
        peer.send(other).await;
        assert_eq!(peer.error().await, "EIDEM");
    });
}

#[test]
fn a_key_opens_no_more_streams_than_its_rate_allows() {
    on_node_with(
        |config| (config.auth.rate_per_s, config.auth.rate_burst) = (1, 2),
        async |setup| {
            // The upgrade is a call as well.
            let mut peer = client(&setup).await;
            peer.send(request("a", "summarizer.local", DOCUMENT)).await;
            peer.answer().await;
            peer.send(request("b", "summarizer.local", DOCUMENT)).await;
            assert_eq!(peer.error().await, "ERATE");
        },
    );
}
