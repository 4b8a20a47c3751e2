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
fn a_tenant_has_the_rate_of_the_policy_whichever_key_calls() {
    on_node(async |node| {
        let policy = "tenants: { dev: { rate_per_s: 1, rate_burst: 3 } }\npolicies: [{ id: default, fanout: [\"*\"] }]";
        let applied = node.admin("PUT", "/v1/admin/policy").body(policy).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let made = node
            .admin("POST", "/v1/admin/api-keys")
            .json(&json!({ "account": "dev" }));
        let other = made.send().await.json()["key"]
            .as_str()
            .expect("a key")
            .to_owned();
        let other = format!("Bearer {other}");
        let look = node.ask("GET", "/v1/capabilities");
        let with_other = look.clone().header("authorization", &other);
        for asked in [&look, &with_other, &look] {
            assert_eq!(asked.clone().send().await.status(), 200);
        }
        let refused = with_other.send().await;
        refused.is_problem(429, "ERATE");
        assert_eq!(refused.header("retry-after"), Some("1"));
        let stranger = format!("Bearer {}", node.tenant("stranger", false).await);
        let theirs = look.header("authorization", &stranger).send().await;
        assert_eq!(theirs.status(), 200, "another tenant has no rate");
        let figures = node.admin("GET", "/metrics").send().await;
        let dropped = r#"rate_limit_dropped_total{scope="tenant"} 1"#;
        assert!(figures.text().contains(dropped), "no {dropped}");
    });
}

#[test]
fn a_revoked_key_opens_nothing_and_is_listed_no_more() {
    on_node(async |node| {
        let wanted = json!({ "account": "dev", "label": "the laptop" });
        let made = node
            .admin("POST", "/v1/admin/api-keys")
            .json(&wanted)
            .send()
            .await
            .json();
        let (id, key) = (made["key_id"].as_str().unwrap(), made["key"].as_str().unwrap());
        let listed = async || node.admin("GET", "/v1/admin/api-keys").send().await;
        let shown = listed().await;
        assert!(!shown.text().contains(&key[18..]), "the secret is not told");
        let known = shown.json().as_array().unwrap().clone();
        let view = known
            .iter()
            .find(|key| key["key_id"] == id)
            .expect("the key is listed");
        assert_eq!(
            (&view["label"], &view["tenant"]),
            (&json!("the laptop"), &json!("dev"))
        );
        assert!(view["made_at_ms"].as_u64().unwrap() > 1_700_000_000_000, "{view}");

        let look = node
            .ask("GET", "/v1/capabilities")
            .header("authorization", &format!("Bearer {key}"));
        assert_eq!(look.clone().send().await.status(), 200);
        let path = format!("/v1/admin/api-keys/{id}");
        node.ask("DELETE", &path).send().await.is_problem(403, "ESEC");
        let revoked = node.admin("DELETE", &path).send().await;
        assert_eq!((revoked.status(), &revoked.json()), (200, view));
        look.send().await.is_problem(401, "EAUTH");
        assert_eq!(listed().await.json().as_array().unwrap().len(), known.len() - 1);
        node.admin("DELETE", &path)
            .send()
            .await
            .is_problem(404, "ENOTFOUND");
        assert_eq!(
            node.ask("GET", "/v1/capabilities").send().await.status(),
            200,
            "the other key is good"
        );
    });
}

#[test]
fn an_account_is_deleted_when_nothing_depends_on_it() {
    on_node(async |node| {
        let account = |id: &str| format!("/v1/admin/accounts/{id}");
        let put = |id: &str, body| node.admin("PUT", &account(id)).json(&body).send();
        assert_eq!(put("corp", json!({})).await.status(), 200);
        assert_eq!(put("corp/web", json!({ "parent": "corp" })).await.status(), 200);
        let wanted = json!({ "account": "corp/web" });
        let made = node
            .admin("POST", "/v1/admin/api-keys")
            .json(&wanted)
            .send()
            .await
            .json();
        let delete = |id: &str| node.admin("DELETE", &account(id)).send();
        for (id, why) in [("corp", "1 accounts below it"), ("corp/web", "1 keys spend from")] {
            let refused = delete(id).await;
            refused.is_problem(422, "EBAD_INPUT");
            assert!(refused.text().contains(why), "{}", refused.text());
        }
        let key = format!("/v1/admin/api-keys/{}", made["key_id"].as_str().unwrap());
        assert_eq!(node.admin("DELETE", &key).send().await.status(), 200);
        for id in ["corp/web", "corp"] {
            let deleted = delete(id).await;
            assert_eq!((deleted.status(), &deleted.json()["id"]), (200, &json!(id)));
            delete(id).await.is_problem(404, "ENOTFOUND");
        }
    });
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
