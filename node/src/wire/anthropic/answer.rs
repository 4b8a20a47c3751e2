//! Writes a message.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::stop_reason;
use crate::wire::Answer;

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Value>,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: Usage,
}

/// Token counts in Anthropic's words.
#[derive(Serialize)]
pub(super) struct Usage {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Usage {
    pub(super) const fn of(answer: &Answer<'_>) -> Self {
        Self {
            input_tokens: answer.in_tokens,
            output_tokens: answer.out_tokens,
        }
    }
}

/// The id under which clients know the answer.
pub(super) fn message_id(id: &str) -> String {
    format!("msg_{id}")
}

/// Writes the whole answer as a message.
#[must_use]
pub fn answer(answer: &Answer<'_>) -> Bytes {
    let text = answer.shown().filter(|text| !text.is_empty());
    let text = text.map(|text| json!({ "type": "text", "text": text }));
    let message = Message {
        id: &message_id(answer.id),
        kind: "message",
        role: "assistant",
        model: answer.model,
        content: text.into_iter().chain(answer.calls().map(tool_use)).collect(),
        stop_reason: Some(stop_reason(answer.finish())),
        stop_sequence: None,
        usage: Usage::of(answer),
    };
    serde_json::to_vec(&message)
        .expect("texts, numbers and values encode")
        .into()
}

/// A call in the OpenAI shape as a block. Arguments that are no object, as a model may write them, become an empty one.
fn tool_use(call: &Value) -> Value {
    let input: Map<String, Value> = serde_json::from_str(arguments(call)).unwrap_or_default();
    json!({ "type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": input })
}

/// The text of a call's arguments.
pub(super) fn arguments(call: &Value) -> &str {
    call["function"]["arguments"].as_str().unwrap_or("{}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::answer::fixture;

    #[test]
    fn text_calls_and_usage_are_where_clients_look() {
        let calls =
            json!([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]);
        let body: Value = serde_json::from_slice(&answer(&Answer {
            text: Some("Hello"),
            tool_calls: Some(&calls),
            ..fixture()
        }))
        .unwrap();
        assert_eq!(
            body,
            json!({
                "id": "msg_r1", "type": "message", "role": "assistant", "model": "m",
                "content": [
                    {"type": "text", "text": "Hello"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                ],
                "stop_reason": "tool_use", "stop_sequence": null,
                "usage": {"input_tokens": 3, "output_tokens": 4},
            })
        );
    }
}
