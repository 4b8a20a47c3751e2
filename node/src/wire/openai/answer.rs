//! Writes a chat completion.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::wire::Answer;

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Usage,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<&'a Value>,
}

/// Token counts in OpenAI's words.
#[derive(Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl Usage {
    pub(super) const fn of(answer: &Answer<'_>) -> Self {
        Self {
            prompt_tokens: answer.in_tokens,
            completion_tokens: answer.out_tokens,
            total_tokens: answer.in_tokens.saturating_add(answer.out_tokens),
        }
    }
}

/// The id under which clients know the answer.
pub(super) fn completion_id(id: &str) -> String {
    format!("chatcmpl-{id}")
}

/// Writes the whole answer as a chat completion with one choice.
#[must_use]
pub fn answer(answer: &Answer<'_>) -> Bytes {
    let shown = answer.shown();
    let completion = Completion {
        id: completion_id(answer.id),
        object: "chat.completion",
        created: answer.created,
        model: answer.model,
        choices: [Choice {
            index: 0,
            message: Message {
                role: "assistant",
                content: shown.as_deref(),
                refusal: None,
                tool_calls: answer.tool_calls,
            },
            logprobs: None,
            finish_reason: answer.finish(),
        }],
        usage: Usage::of(answer),
    };
    serde_json::to_vec(&completion)
        .expect("texts and numbers encode")
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::answer::fixture;

    #[test]
    fn text_and_usage_are_where_clients_look() {
        let body: Value = serde_json::from_slice(&answer(&Answer {
            text: Some("Hello"),
            ..fixture()
        }))
        .unwrap();
        assert_eq!(
            body,
            json!({
                "id": "chatcmpl-r1", "object": "chat.completion", "created": 7, "model": "m",
                "choices": [{
                    "index": 0, "logprobs": null, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Hello", "refusal": null},
                }],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
            })
        );
    }

    #[test]
    fn data_stands_in_for_text_and_tool_calls_need_none() {
        let data = json!({"score": 1});
        let body: Value = serde_json::from_slice(&answer(&Answer {
            data: Some(&data),
            ..fixture()
        }))
        .unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], r#"{"score":1}"#);

        let calls = json!([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        let body: Value = serde_json::from_slice(&answer(&Answer {
            tool_calls: Some(&calls),
            ..fixture()
        }))
        .unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
        assert_eq!(body["choices"][0]["message"]["tool_calls"], calls);
        assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    }
}
