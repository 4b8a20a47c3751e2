//! Published clients, with the frames they send.

use serde_json::{Value, json};

use crate::fixture::{Connecting, Peer, Setup, on_node};

const WINDOW: &str = r#"{"max_parallel":4,"max_tokens":50000,"max_usd_micros":1000000}"#;
const DOCUMENT: &str = "Routers decide where work goes. Budgets bound what it may cost.";

async fn connected(setup: &Setup, query: &str) -> Peer {
    let connecting = Connecting {
        setup,
        key: &setup.key,
        query,
        subprotocol: None,
    };
    connecting.open().await.0
}

fn typescript(stream: &str, payload: Value) -> Value {
    json!({
        "v": 1, "sessionId": "sess-1", "streamId": stream, "msgSeq": 1, "fragSeq": 0, "flags": [], "qos": "silver", "ttl": 8,
        "window": { "maxParallel": 4, "maxTokens": 50_000, "maxUsdMicros": 1_000_000 },
        "meta": { "taskType": "completion", "environmentId": "tenant-a" }, "payload": payload,
    })
}

#[test]
fn a_typescript_client_gets_its_completion_and_its_heartbeat() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "?session_id=sess-1&tenant_id=tenant-a").await;
        let content = json!({ "prompt": DOCUMENT, "model": "summarizer.local", "maxTokens": 512, "quality": "low",
            "latencySloMs": 5000, "temperature": 0.7, "stream": true, "consistencyLevel": "EVENTUAL" });
        peer.send(typescript(
            "c1",
            json!({ "type": "completion", "content": content }),
        ))
        .await;
        let answer = peer.of_type("completion_response").await;
        assert_eq!(answer["streamId"], "c1");
        assert_eq!(answer["msgSeq"], 1);
        assert_eq!(answer["payload"]["content"]["modelUsed"], "summarizer.local");
        assert!(answer["payload"]["content"]["text"].is_string(), "{answer}");
        peer.send(typescript(
            "heartbeat",
            json!({ "type": "heartbeat", "content": {} }),
        ))
        .await;
        assert_eq!(peer.of_type("completion_response").await["streamId"], "heartbeat");
    });
}

#[test]
fn a_typescript_client_is_told_its_error() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "?session_id=sess-1").await;
        let content = json!({ "prompt": DOCUMENT, "model": "nobody" });
        peer.send(typescript(
            "c1",
            json!({ "type": "completion", "content": content }),
        ))
        .await;
        let answer = peer.of_type("error").await;
        assert!(answer["payload"]["content"]["code"].is_string(), "{answer}");
        assert!(answer["payload"]["content"]["message"].is_string(), "{answer}");
    });
}

#[test]
fn a_go_client_gets_its_completions_one_after_the_other() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "?session_id=session_1_2&tenant_id=tenant-a").await;
        let window: Value = serde_json::from_str(WINDOW).unwrap();
        for msg_seq in 1..=2 {
            peer.send(json!({
                "type": "completion_request", "ts": 1_756_800_000_123_u64, "stream_id": "completion_1_2", "msg_seq": msg_seq,
                "qos": "gold", "ttl": 8, "window": window, "meta": { "task_type": "completion" },
                "payload": { "prompt": DOCUMENT, "model": "summarizer.local", "max_tokens": 64, "stop": null },
            }))
            .await;
            let answer = peer.frame().await;
            assert_eq!(answer["type"], "completion_response", "{answer}");
            assert_eq!(answer["msg_seq"], msg_seq);
            assert_eq!(answer["stream_id"], "completion_1_2");
            assert_eq!(answer["payload"]["model_used"], "summarizer.local");
            assert!(answer["payload"]["tokens_in"].is_u64(), "{answer}");
        }
    });
}

#[test]
fn a_go_client_is_told_its_error() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "?session_id=session_1_2").await;
        peer.send(
            json!({ "type": "completion_request", "stream_id": "c", "msg_seq": 1, "qos": "gold", "ttl": 8,
            "window": serde_json::from_str::<Value>(WINDOW).unwrap(), "meta": {},
            "payload": { "prompt": "x", "model": "nobody" } }),
        )
        .await;
        let answer = peer.frame().await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert!(answer["payload"]["error"]["code"].is_string(), "{answer}");
    });
}

#[test]
fn a_go_client_need_not_name_a_stream() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "?session_id=session_1_2").await;
        peer.send(json!({
            "type": "completion_request", "qos": "gold", "ttl": 8, "meta": {},
            "window": serde_json::from_str::<Value>(WINDOW).unwrap(),
            "payload": { "prompt": DOCUMENT, "model": "summarizer.local" },
        }))
        .await;
        let answer = peer.frame().await;
        assert_eq!(
            (&answer["type"], &answer["stream_id"]),
            (&json!("completion_response"), &json!("-")),
            "{answer}"
        );
    });
}

#[test]
fn a_python_client_gets_its_completion() {
    on_node(async |setup| {
        let mut peer = connected(&setup, "").await;
        peer.send(json!({
            "v": 1, "session_id": "sess-1", "stream_id": "st-fast", "msg_seq": 1, "frag_seq": 0, "flags": [], "qos": "bronze",
            "ttl": 8, "window": serde_json::from_str::<Value>(WINDOW).unwrap(),
            "meta": { "task_type": "completion", "languages": null, "risk": null, "tool_permissions": [] },
            "payload": { "type": "completion", "confidence": null, "cost_est": null, "checksum": null,
                "content": { "prompt": DOCUMENT, "model": "summarizer.local", "max_tokens": 9, "quality": "fast" } },
        }))
        .await;
        let answer = peer.frame().await;
        assert_eq!(answer["type"], "completion_response", "{answer}");
        assert_eq!(answer["stream_id"], "st-fast");
        assert_eq!(answer["content"]["model_used"], "summarizer.local");
    });
}
