//! What a client can find out: capabilities, providers, accounting, explanations; and what is not served.

use serde_json::json;

use super::fixture::{Ask, TEXT, on_node, on_node_with};

#[test]
fn capabilities_name_versions_limits_and_tiers() {
    on_node(async |node| {
        let shown = node.ask("GET", "/v1/capabilities").send().await.json();
        assert_eq!(shown["router_id"], "dev");
        assert_eq!(shown["limits"]["max_frame_bytes"], 1 << 20);
        assert_eq!(shown["tiers"][0]["qos"], "gold");
        assert_eq!(shown["tiers"][0]["allowed"], true);
        let keyless = Ask::new(node.node.api, "GET", "/v1/capabilities").send().await;
        keyless.is_problem(401, "EAUTH");
    });
}

#[test]
fn providers_and_their_health_are_listed() {
    on_node(async |node| {
        let providers = node.ask("GET", "/v1/providers").send().await.json();
        let ids: Vec<_> = providers.as_array().unwrap().iter().map(|of| &of["id"]).collect();
        assert!(ids.contains(&&json!("summarizer.local")), "{providers}");
        let health = node.ask("GET", "/adapters/health").send().await.json();
        let local = health.as_array().unwrap().iter();
        let local = local
            .clone()
            .find(|of| of["adapter_id"] == "summarizer.local")
            .unwrap();
        assert_eq!(local["ok"], true, "{local}");
        assert_eq!(local["circuit"], "closed");
    });
}

#[test]
fn usage_and_cost_are_those_of_the_keys_account() {
    on_node(async |node| {
        let before = node.ask("GET", "/v1/usage").send().await.json();
        assert_eq!(
            (before["account"].as_str(), before["tokens"].as_u64()),
            (Some("dev"), Some(0))
        );
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        assert_eq!(
            node.ask("POST", "/v1/ask").json(&asked).send().await.status(),
            200
        );
        assert!(node.settled_tokens().await > 0);
        let cost = node.ask("GET", "/v1/cost").send().await.json();
        assert_eq!(cost["tenant"], "dev");
        assert_eq!(cost["limit_usd_micros"], json!(null));
        node.admin("GET", "/v1/usage")
            .send()
            .await
            .is_problem(404, "ENOTFOUND");
    });
}

#[test]
fn a_tenant_sees_how_its_own_request_was_decided_and_no_other() {
    on_node(async |node| {
        let asked = json!({ "prompt": TEXT, "model": "summarizer.local" });
        let records = node.ask("POST", "/v1/ask").json(&asked).send().await.lines();
        let id = records[0]["request_id"].as_str().unwrap();
        let own = node.ask("GET", &format!("/v1/explain/{id}")).send().await.json();
        assert_eq!(own["decision"]["plan"]["strategy"], "first-win", "{own}");
        let stranger = node.tenant("stranger", false).await;
        let ask = node.ask("GET", &format!("/v1/explain/{id}"));
        let other = ask
            .header("authorization", &format!("Bearer {stranger}"))
            .send()
            .await;
        other.is_problem(404, "ENOTFOUND");
        let path = format!("/v1/admin/explain/{id}");
        node.ask("GET", &path).send().await.is_problem(403, "ESEC");
        assert_eq!(node.admin("GET", &path).send().await.json()["tenant"], "dev");
    });
}

#[test]
fn what_is_not_served_is_told_in_the_words_of_whose_path_it_is() {
    on_node(async |node| {
        let unknown = node.ask("GET", "/v1/nothing").send().await;
        unknown.is_problem(404, "ENOTFOUND");
        assert_eq!(unknown.json()["error"], "not_found");
        for (method, path, allow) in [
            ("GET", "/v1/ask", "POST"),
            ("POST", "/ws", "GET"),
            ("PATCH", "/v1/admin/accounts/dev", "DELETE, GET, HEAD, PUT"),
            ("POST", "/healthz", "GET, HEAD"),
        ] {
            let wrong = node.ask(method, path).send().await;
            wrong.is_problem(405, "EPROTO");
            assert_eq!(wrong.header("allow"), Some(allow), "{method} {path}");
            assert_eq!(wrong.json()["code"], "method-not-allowed");
        }
        for (method, path, allow) in [
            ("DELETE", "/v1/chat/completions", "POST"),
            ("POST", "/v1/models/x", "GET, HEAD"),
            ("GET", "/v1/messages", "POST"),
        ] {
            let wrong = node.ask(method, path).send().await;
            assert_eq!(
                (wrong.status(), wrong.header("allow")),
                (405, Some(allow)),
                "{method} {path}"
            );
            let error = &wrong.json()["error"];
            assert_eq!(error["type"], "invalid_request_error", "{error}");
            assert_eq!(error["code"], "method-not-allowed", "{error}");
        }
    });
}

#[test]
fn every_reply_names_the_request_as_its_client_does() {
    on_node(async |node| {
        let opened = node.ask("POST", "/v1/streams").json(&json!({})).send().await;
        let stream = format!("/v1/streams/{}", opened.json()["stream_id"].as_str().unwrap());
        let frames = format!("{stream}/frames");
        let document = "policies:\n  - id: default\n    fanout: [\"*\"]\n";
        let key = json!({ "account": "dev" });
        for (ask, status) in [
            (node.ask("GET", "/v1/models"), 200),
            (node.ask("GET", "/v1/models/summarizer.local"), 200),
            (node.ask("POST", "/v1/streams").json(&json!({})), 201),
            (node.ask("POST", &frames).json(&json!([{}])), 202),
            (node.ask("GET", &stream), 200),
            (node.ask("DELETE", &stream), 202),
            (node.ask("DELETE", &stream), 200),
            (node.admin("PUT", "/v1/admin/accounts/dev").json(&json!({})), 200),
            (node.admin("GET", "/v1/admin/accounts/dev"), 200),
            (node.admin("GET", "/v1/admin/accounts"), 200),
            (node.admin("GET", "/v1/admin/adapters"), 200),
            (node.admin("GET", "/v1/admin/routes"), 200),
            (node.admin("GET", "/v1/admin/policy"), 200),
            (node.admin("PUT", "/v1/admin/policy").body(document), 200),
            (node.admin("PUT", "/v1/admin/policy").body("policies: 7"), 422),
            (node.admin("POST", "/v1/admin/api-keys").json(&key), 201),
            (node.admin("POST", "/admin/drain"), 202),
        ] {
            let reply = ask.header("x-request-id", "mine-17").send().await;
            assert_eq!(reply.status(), status, "{}", reply.text());
            assert_eq!(
                reply.header("x-correlation-id"),
                Some("mine-17"),
                "{}",
                reply.text()
            );
        }
    });
}

#[test]
fn what_can_be_looked_at_may_be_asked_for_its_head_alone() {
    on_node(async |node| {
        for path in [
            "/healthz",
            "/readyz",
            "/v1/models",
            "/v1/models/summarizer.local",
            "/v1/capabilities",
            "/v1/usage",
        ] {
            let whole = node.ask("GET", path).send().await;
            let head = node.ask("HEAD", path).send().await;
            assert_eq!((whole.status(), head.status()), (200, 200), "{path}");
            assert_eq!(
                head.header("content-length"),
                Some(&*whole.body.len().to_string()),
                "{path}"
            );
            assert!(head.body.is_empty(), "{path}");
        }
    });
}

#[test]
fn frames_are_verified_where_there_is_a_key() {
    on_node(async |node| {
        let said = node.ask("POST", "/v1/verify_frame").body("{}").send().await;
        assert_eq!(
            (said.status(), said.json()["error"].clone()),
            (200, json!("missing_secret"))
        );
    });
    on_node_with(
        |config| config.compat.verify_frame = false,
        async |node| {
            let said = node
                .ask("POST", "/v1/verify_frame")
                .body("{}")
                .send()
                .await
                .json();
            assert_eq!(said, json!({ "ok": true, "skipped": true }));
        },
    );
}
