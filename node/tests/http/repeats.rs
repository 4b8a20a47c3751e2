//! Idempotency keys.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use atp_consensus::placement::group_of;
use serde_json::{Value, json};

use super::fixture::{Ask, Manner, Scripted, Setup, TEXT, on_node, on_node_with};

fn ask(node: &Setup, path: &str, body: &Value) -> Ask {
    node.ask("POST", path).header("idempotency-key", "k-1").json(body)
}

#[test]
fn a_repeat_is_told_the_first_answer_and_not_charged() {
    on_node(async |node| {
        let body = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let first = ask(&node, "/v1/ask", &body).send().await.lines();
        let charged = node.settled_tokens().await;
        let repeat = ask(&node, "/v1/ask", &body).send().await;
        assert_eq!(repeat.header("x-atp-idempotent-replay"), Some("true"));
        let repeat = repeat.lines();
        let (first, repeat) = (first.last().unwrap(), repeat.last().unwrap());
        assert_eq!(
            (&repeat["text"], &repeat["request_id"]),
            (&first["text"], &first["request_id"])
        );
        assert_eq!(
            (&first["idempotent_replay"], &repeat["idempotent_replay"]),
            (&json!(null), &json!(true))
        );
        assert_eq!(node.settled_tokens().await, charged);
    });
}

#[test]
fn a_key_used_for_another_request_is_a_conflict_but_not_for_another_tenant() {
    on_node(async |node| {
        let body = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let other = json!({ "prompt": "Something else.", "model": "summarizer.local" });
        assert_eq!(ask(&node, "/v1/ask", &body).send().await.status(), 200);
        ask(&node, "/v1/ask", &other)
            .send()
            .await
            .is_problem(409, "EIDEM");
        let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
        let foreign = ask(&node, "/v1/ask", &other).header("authorization", &stranger);
        assert_eq!(foreign.send().await.status(), 200);
        let long = ask(&node, "/v1/ask", &body).header("idempotency-key", &"k".repeat(129));
        long.send().await.is_problem(422, "EBAD_INPUT");
    });
}

#[test]
fn chat_and_messages_are_repeated_in_their_own_protocol() {
    on_node(async |node| {
        let messages = json!([{ "role": "user", "content": TEXT }]);
        for (path, body) in [
            (
                "/v1/chat/completions",
                json!({ "model": "summarizer.local", "messages": messages }),
            ),
            (
                "/v1/messages",
                json!({ "model": "summarizer.local", "max_tokens": 200, "messages": messages }),
            ),
        ] {
            for stream in [false, true] {
                let mut body = body.clone();
                body["stream"] = stream.into();
                let key = format!("{path}-{stream}");
                let ask = ask(&node, path, &body).header("idempotency-key", &key);
                let first = ask.clone().send().await;
                assert_eq!(first.status(), 200, "{}", first.text());
                let charged = node.settled_tokens().await;
                let repeat = ask.send().await;
                assert_eq!(repeat.header("x-atp-idempotent-replay"), Some("true"), "{path}");
                if !stream {
                    assert_eq!(said(&repeat.json()), said(&first.json()), "{path}");
                }
                assert_eq!(node.settled_tokens().await, charged);
            }
        }
    });
}

/// The words of an answer in either protocol.
fn said(body: &Value) -> Value {
    match &body["choices"][0]["message"]["content"] {
        Value::Null => body["content"][0]["text"].clone(),
        content => content.clone(),
    }
}

#[test]
fn two_at_once_run_once() {
    on_node(async |node| {
        let body = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let alone = node.ask("POST", "/v1/ask").json(&body).send().await;
        assert_eq!(alone.status(), 200);
        let charged = node.settled_tokens().await;
        let (one, other) = tokio::join!(
            ask(&node, "/v1/ask", &body).send(),
            ask(&node, "/v1/ask", &body).send()
        );
        let (one, other) = (one.lines(), other.lines());
        assert_eq!(
            one.last().unwrap()["request_id"],
            other.last().unwrap()["request_id"]
        );
        assert_eq!(one.last().unwrap()["text"], other.last().unwrap()["text"]);
        assert_eq!(node.settled_tokens().await, 2 * charged);
    });
}

#[test]
fn the_key_may_stand_in_the_body_of_a_question() {
    on_node(async |node| {
        let body = json!({ "prompt": TEXT, "model": "summarizer.local", "idempotency_key": "b-1" });
        let ask = node.ask("POST", "/v1/ask").json(&body);
        assert_eq!(ask.clone().send().await.header("x-atp-idempotent-replay"), None);
        let repeat = ask.send().await;
        assert_eq!(repeat.header("x-atp-idempotent-replay"), Some("true"));
    });
}

#[test]
fn in_a_full_table_the_oldest_answer_gives_way() {
    on_node_with(
        |config| config.idempotency.max_keys = 1,
        async |node| {
            let body = json!({ "prompt": TEXT, "model": "summarizer.local" });
            // Of one journal group, as each has its share of the bound.
            let group = |key: &str| group_of("dev", key, 8);
            let mut keys = (1..).map(|number| format!("k-{number}"));
            let first = keys.next().unwrap();
            let second = keys.find(|key| group(key) == group(&first)).unwrap();
            for (key, is_replay) in [
                (&first, false),
                (&second, false),
                (&second, true),
                (&first, false),
            ] {
                let ask = ask(&node, "/v1/ask", &body).header("idempotency-key", key);
                let answer = ask.send().await;
                assert_eq!(answer.status(), 200, "{key}");
                let replay = is_replay.then_some("true");
                assert_eq!(answer.header("x-atp-idempotent-replay"), replay, "{key}");
            }
        },
    );
}

/// An upstream that knows idempotency would answer a clone with the answer of another.
#[test]
fn every_call_of_a_request_reaches_its_upstream_under_a_key_of_its_own() {
    const POLICY: &str =
        "{ personas: { critic: { adapters: [\"noting-*\"] } }, policies: [{ id: default }] }";
    on_node(async |node| {
        let keys = Arc::new(Mutex::new(Vec::new()));
        for name in ["noting-a", "noting-b"] {
            Scripted::join(&node, name, Manner::Notes(Arc::clone(&keys))).await;
        }
        let applied = node.admin("PUT", "/v1/admin/policy").body(POLICY).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let asked = json!({ "prompt": TEXT, "personas": [{ "persona_id": "critic", "count": 3 }] });
        ask(&node, "/v1/ask", &asked).send().await;
        let keys = keys.lock().expect("nobody panics while noting").clone();
        assert!(keys.len() > 3, "three clones and a fallback: {keys:?}");
        let distinct: BTreeSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    });
}
