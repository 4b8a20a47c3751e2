//! What a key decides: how often its owner may call, and for whom.

use serde_json::json;

use super::fixture::{TEXT, on_node, on_node_with};

#[test]
fn a_credential_has_its_own_rate() {
    on_node_with(
        |config| (config.auth.rate_per_s, config.auth.rate_burst) = (1, 3),
        async |node| {
            let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
            let look = node.ask("GET", "/v1/capabilities");
            for _ in 0..3 {
                assert_eq!(look.clone().send().await.status(), 200);
            }
            let refused = look.clone().send().await;
            refused.is_problem(429, "ERATE");
            assert_eq!(refused.header("retry-after"), Some("1"));
            let other = look.header("authorization", &stranger).send().await;
            assert_eq!(other.status(), 200);
        },
    );
}

#[test]
fn a_tenant_hint_must_be_the_credentials() {
    on_node(async |node| {
        let look = node.ask("GET", "/v1/capabilities");
        for name in ["x-tenant-id", "x-atp-tenant-id", "x-atp-project-id"] {
            assert_eq!(
                look.clone().header(name, "dev").send().await.status(),
                200,
                "{name}"
            );
            let refused = look.clone().header(name, "acme").send().await;
            refused.is_problem(403, "ESEC");
        }
    });
}

#[test]
fn labels_reach_the_routing_decision_from_header_and_body() {
    on_node(async |node| {
        let body = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let ask = node.ask("POST", "/v1/ask").json(&body);
        assert_eq!(ask.clone().send().await.status(), 200);
        let labelled = ask.clone().header("x-data-scope", "pii").send().await;
        labelled.is_problem(403, "ESEC");
        let labelled = json!({ "prompt": TEXT, "model": "summarizer.local", "data_scope": ["pii"] });
        ask.json(&labelled).send().await.is_problem(403, "ESEC");
        let chat = json!({ "model": "auto", "messages": [{ "role": "user", "content": TEXT }] });
        let chat = node.ask("POST", "/v1/chat/completions").json(&chat);
        assert_eq!(chat.header("x-data-scope", "pii").send().await.status(), 403);
    });
}
