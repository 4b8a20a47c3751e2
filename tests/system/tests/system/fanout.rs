//! One question to several built-in adapters: what they found, how far they agree, what it cost and why they were asked.

use serde_json::{Value, json};

use super::fixture::{Node, Setup};

const DIFF: &str = include_str!("../../../fixtures/review.diff");

const POLICY: &str = "
policies:
  - id: default
    fanout: [\"*\"]
    k: 1
    strategy: first_win
    constraints: { latency_slo_ms: 60000 }
  - id: review
    priority: 10
    match: { task_type: code_review }
    fanout: [reviewer.local, summarizer.local]
    k: 2
    strategy: union_tiebreak
    constraints: { latency_slo_ms: 60000 }
";

async fn node() -> (Node, String) {
    let node = Setup::new()
        .builtin("reviewer.local")
        .builtin("summarizer.local")
        .policy(POLICY)
        .start()
        .await;
    let key = node.unlimited().await;
    (node, key)
}

#[tokio::test]
async fn a_review_is_fanned_out_reconciled_and_explained() {
    let (node, key) = node().await;
    let body = json!({ "task_type": "code_review", "prompt": DIFF });
    let reply = node.post("/v1/ask", body).key(&key).send().await.ok();
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let records: Vec<Value> = reply
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record is JSON"))
        .collect();
    let plan = &records[0];
    assert_eq!(plan["type"], "plan", "{plan}");
    let roles: Vec<&str> = plan["roles"]
        .as_array()
        .expect("roles")
        .iter()
        .filter_map(|role| role["model"].as_str())
        .collect();
    for adapter in ["reviewer.local", "summarizer.local"] {
        assert!(roles.iter().any(|role| role.contains(adapter)), "{plan}");
    }
    assert!(
        plan["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("review")),
        "{plan}"
    );
    let last = records.last().expect("records");
    assert_eq!(last["type"], "final", "{last}");
    let findings = last["findings"].as_array().expect("findings");
    let key_in_source = findings.iter().find(|finding| {
        finding["file"] == "auth/jwt.py" && finding.to_string().to_lowercase().contains("secret")
    });
    assert!(key_in_source.is_some(), "{findings:#?}");
    assert_eq!(last["consensus"]["lanes_used"], 2, "{last}");
    assert!(!last["consensus"]["mode"].is_null(), "{last}");
    assert_eq!(last["cost_usd"], 0.0);

    let request = last["request_id"].as_str().expect("the request's id");
    let explained = node
        .get(&format!("/v1/explain/{request}"))
        .key(&key)
        .send()
        .await
        .ok();
    assert!(
        explained.text().contains("reviewer.local"),
        "{}",
        explained.text()
    );
    let other = node.tenant("other", json!({})).await;
    let foreign = node
        .get(&format!("/v1/explain/{request}"))
        .key(&other)
        .send()
        .await;
    assert_eq!(foreign.status, 404, "decisions are the tenant's own");
}

#[tokio::test]
async fn the_same_review_twice_finds_the_same() {
    let (node, key) = node().await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let body = json!({ "task_type": "code_review", "prompt": DIFF, "stream": false });
        let reply = node.post("/v1/ask", body).key(&key).send().await.ok();
        let last: Value = serde_json::from_str(reply.text().lines().last().expect("records")).expect("JSON");
        answers.push((last["findings"].clone(), last["text"].clone()));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_chat_is_fanned_out_too() {
    let (node, key) = node().await;
    for stream in [false, true] {
        let body =
            json!({ "model": "auto", "stream": stream, "messages": [{ "role": "user", "content": DIFF }] });
        let reply = node
            .chat(&key, body)
            .header("x-atp-task-type", "code_review")
            .send()
            .await
            .ok();
        assert!(
            reply.header("x-atp-route-reason").contains("review"),
            "{:?}",
            reply.headers
        );
        assert!(reply.text().contains("auth/jwt.py"), "{}", reply.text());
    }
    let named = json!({ "model": "summarizer.local", "messages": [{ "role": "user", "content": include_str!("../../../fixtures/document.md") }] });
    let reply = node.chat(&key, named).send().await.ok().json();
    let summary = reply["choices"][0]["message"]["content"]
        .as_str()
        .expect("a summary");
    assert!((50..6_000).contains(&summary.len()), "{summary}");
}
