//! Bodies that cannot be meant as they are: what is told of them, and in whose words.

use serde_json::{Value, json};

use super::fixture::{Ask, Setup, TEXT, on_node};

/// The native endpoints that read JSON, each with the key it takes, and a stream to ask about.
async fn native(node: &Setup) -> Vec<Ask> {
    let opened = node
        .ask("POST", "/v1/streams")
        .json(&json!({}))
        .send()
        .await
        .json();
    let stream = opened["stream_id"].as_str().expect("an id").to_owned();
    vec![
        node.ask("POST", "/v1/ask"),
        node.ask("POST", "/v1/streams"),
        node.ask("POST", &format!("/v1/streams/{stream}/resume")),
        node.admin("PUT", "/v1/admin/accounts/acme"),
        node.admin("POST", "/v1/admin/api-keys"),
    ]
}

#[test]
fn what_is_not_json_is_told_with_its_place() {
    on_node(async |node| {
        for ask in native(&node).await {
            for (body, place) in [
                (&b"{\"a\": nul}"[..], "at byte"),
                (b"{\"a\": 1} x", "at byte 8"),
                (b"{\"a\": 1, \"a\": 2}", "appears twice"),
                (b"", "at byte 0"),
                (b"{\"a\": \"\xff\"}", "UTF-8"),
            ] {
                let told = ask.clone().body(body).send().await;
                told.is_problem(400, "EPROTO");
                assert!(told.text().contains(place), "{place}: {}", told.text());
            }
        }
        let stream = node
            .ask("POST", "/v1/streams")
            .json(&json!({}))
            .send()
            .await
            .json();
        let frames = format!("/v1/streams/{}/frames", stream["stream_id"].as_str().unwrap());
        for body in ["{\"v\": 1", "[{}, ]", ""] {
            let told = node.ask("POST", &frames).body(body).send().await;
            told.is_problem(400, "EPROTO");
            assert!(told.text().contains("column"), "{}", told.text());
        }
    });
}

#[test]
fn an_array_is_no_object_however_its_elements_are_ordered() {
    on_node(async |node| {
        for ask in native(&node).await {
            for body in [
                "[]",
                "[null]",
                "[\"a text\"]",
                "[\"s\", {\"prompt\": \"hi\"}]",
                "7",
            ] {
                let told = ask.clone().body(body).send().await;
                told.is_problem(422, "EBAD_INPUT");
            }
        }
        let window = json!({ "window": [1, 2, 3], "task": { "prompt": TEXT } });
        let told = node.ask("POST", "/v1/streams").json(&window).send().await;
        told.is_problem(422, "EBAD_INPUT");
        assert!(
            told.text().contains("window: must be an object"),
            "{}",
            told.text()
        );
        let turns = json!({ "model": "summarizer.local", "max_tokens": 9, "messages": [["user", TEXT]] });
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/ask"] {
            let told = node.ask("POST", path).json(&turns).send().await;
            assert_eq!(told.status(), 422, "{path}: {}", told.text());
        }
    });
}

#[test]
fn members_that_nobody_knows_are_named_outside_of_the_work() {
    on_node(async |node| {
        let refused = async |ask: Ask, body: Value, name: &str| {
            let told = ask.json(&body).send().await;
            told.is_problem(422, "EBAD_INPUT");
            let detail = told.json()["detail"].clone();
            assert!(detail.as_str().unwrap().contains(name), "{name}: {detail}");
        };
        for word in ["prompt", "messages", "text", "content"] {
            let body = json!({ word: TEXT, "qos": "gold" });
            refused(
                node.ask("POST", "/v1/streams"),
                body,
                &format!("{{\"task\": {{\"{word}\""),
            )
            .await;
        }
        let body = json!({ "task": { "prompt": TEXT }, "modle": "auto" });
        refused(node.ask("POST", "/v1/streams"), body, "modle").await;
        let body = json!({ "task": { "prompt": TEXT }, "budget": { "token": 9 } });
        refused(node.ask("POST", "/v1/streams"), body, "token").await;
        let stream = node
            .ask("POST", "/v1/streams")
            .json(&json!({}))
            .send()
            .await
            .json();
        let resume = format!("/v1/streams/{}/resume", stream["stream_id"].as_str().unwrap());
        let body = json!({ "resume_token": stream["resume_token"], "lane": [] });
        refused(node.ask("POST", &resume), body, "lane").await;
        refused(
            node.admin("PUT", "/v1/admin/accounts/acme"),
            json!({ "limit": 9 }),
            "limit",
        )
        .await;
        let task = json!({ "prompt": TEXT, "model": "summarizer.local", "colour": "red" });
        let opened = node
            .ask("POST", "/v1/streams")
            .json(&json!({ "task": task }))
            .send()
            .await;
        assert_eq!(
            opened.status(),
            201,
            "the work's own are its own: {}",
            opened.text()
        );
    });
}

#[test]
fn an_encoded_body_is_refused_before_it_is_read() {
    on_node(async |node| {
        let chat = json!({ "model": "summarizer.local", "messages": [{ "role": "user", "content": TEXT }] });
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/ask", "/v1/streams"] {
            for encoding in ["gzip", "identity, br"] {
                let ask = node.ask("POST", path).header("content-encoding", encoding);
                let told = ask.json(&chat).send().await;
                assert_eq!(told.status(), 415, "{path}: {}", told.text());
                assert!(
                    told.text().contains("content-encoding"),
                    "{path}: {}",
                    told.text()
                );
            }
        }
        let ask = node
            .ask("POST", "/v1/chat/completions")
            .header("content-encoding", "Identity");
        assert_eq!(ask.json(&chat).send().await.status(), 200);
    });
}

#[test]
fn what_is_no_model_is_not_missed_as_one() {
    on_node(async |node| {
        for ask in [
            node.admin("GET", "/v1/admin/accounts/nobody"),
            node.admin("GET", "/admin/streams/none"),
            node.admin("GET", "/v1/usage"),
            node.ask("GET", "/v1/streams/none"),
            node.ask("GET", "/v1/explain/none"),
            node.admin("POST", "/v1/admin/api-keys")
                .json(&json!({ "account": "nobody" })),
        ] {
            let told = ask.send().await;
            told.is_problem(404, "ENOTFOUND");
            let problem = told.json();
            assert_eq!(problem["error"], "not_found", "{problem}");
            assert!(!problem.to_string().contains("model"), "{problem}");
        }
        let model = json!({ "prompt": TEXT, "model": "nobody" });
        let told = node.ask("POST", "/v1/ask").json(&model).send().await;
        told.is_problem(404, "ENOTFOUND");
        assert_eq!(told.json()["error"], "model_not_found");
        let long = "x".repeat(65 << 10);
        let told = node
            .admin("PUT", "/v1/admin/accounts/acme")
            .body(long)
            .send()
            .await;
        told.is_problem(413, "ETOOBIG");
        assert_eq!(told.json()["error"], "payload_too_large");
    });
}

#[test]
fn no_output_at_all_cannot_be_asked_for() {
    on_node(async |node| {
        let provider = json!({ "model": "summarizer.local", "max_tokens": 0,
            "messages": [{ "role": "user", "content": TEXT }] });
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let told = node.ask("POST", path).json(&provider).send().await;
            assert_eq!(told.status(), 422, "{path}: {}", told.text());
            assert!(
                told.text().contains("max_tokens: must be at least 1"),
                "{}",
                told.text()
            );
        }
        let native = json!({ "model": "summarizer.local", "max_tokens": 0, "prompt": TEXT });
        let asked = node.ask("POST", "/v1/ask").json(&native).send().await;
        let last = asked.lines().pop().expect("a record");
        assert_eq!(
            (last["type"].as_str(), last["finish_reason"].as_str()),
            (Some("final"), Some("stop"))
        );
    });
}
