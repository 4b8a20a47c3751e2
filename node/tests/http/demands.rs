//! Answers that have to be more than words: who cannot give them is not asked.

use serde_json::{Value, json};

use super::fixture::{Manner, Scripted, TEXT, on_node};

/// The cheaper and better known one cannot do it.
const POLICY: &str = "
policies:
  - id: default
    fanout: [summarizer.local, able]
    k: 1
";

fn asked(model: &str, demand: Value) -> Value {
    let mut body =
        json!({ "model": model, "max_tokens": 99, "messages": [{ "role": "user", "content": TEXT }] });
    let members = body.as_object_mut().expect("an object");
    members.extend(demand.as_object().expect("members").clone());
    body
}

#[test]
fn a_built_in_says_what_it_cannot_do_and_leaves_it_to_others() {
    on_node(async |node| {
        Scripted::join(&node, "able", Manner::Says("as you wish")).await;
        let applied = node.admin("PUT", "/v1/admin/policy").body(POLICY).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let tool =
            json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
        let chosen = json!({ "type": "function", "function": { "name": "f" } });
        let own_tool = json!({ "name": "f", "input_schema": { "type": "object" } });
        for (path, demand) in [
            ("/v1/chat/completions", json!({ "n": 2 })),
            (
                "/v1/chat/completions",
                json!({ "tools": [tool], "tool_choice": "required" }),
            ),
            (
                "/v1/chat/completions",
                json!({ "tools": [tool], "tool_choice": chosen }),
            ),
            (
                "/v1/chat/completions",
                json!({ "response_format": { "type": "json_object" } }),
            ),
            (
                "/v1/messages",
                json!({ "tools": [own_tool], "tool_choice": { "type": "any" } }),
            ),
            ("/v1/ask", json!({ "tools": [tool], "tool_choice": "required" })),
            ("/v1/ask", json!({ "response_format": { "type": "json_object" } })),
        ] {
            let named = node
                .ask("POST", path)
                .json(&asked("summarizer.local", demand.clone()));
            let told = named.send().await;
            assert_eq!(told.status(), 422, "{path} {demand}: {}", told.text());
            assert!(
                told.text().contains("tool_choice or response_format"),
                "{}",
                told.text()
            );
            let reply = node
                .ask("POST", path)
                .json(&asked("auto", demand.clone()))
                .send()
                .await;
            assert_eq!(reply.status(), 200, "{path} {demand}: {}", reply.text());
            assert!(
                reply.text().contains("as you wish"),
                "{path} {demand}: {}",
                reply.text()
            );
        }
    });
}

#[test]
fn tools_that_may_be_left_alone_are_no_reason_to_refuse() {
    on_node(async |node| {
        let tool =
            json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
        for demand in [
            json!({ "n": 1 }),
            json!({ "tools": [tool] }),
            json!({ "tools": [tool], "tool_choice": "auto" }),
            json!({ "response_format": { "type": "text" } }),
        ] {
            let body = asked("summarizer.local", demand.clone());
            let reply = node.ask("POST", "/v1/chat/completions").json(&body).send().await;
            assert_eq!(reply.status(), 200, "{demand}: {}", reply.text());
        }
    });
}
