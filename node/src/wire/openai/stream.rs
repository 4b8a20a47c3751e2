//! Writes a chat completion chunk by chunk, as server-sent events.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Usage, completion_id};
use crate::wire::Answer;

/// The chunks of one answer. Every piece returned holds whole events.
#[derive(Debug)]
pub struct Stream {
    id: String,
    created: u64,
    model: String,
    wants_usage: bool,
    has_begun: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Value; 1]>,
}

impl Stream {
    /// `id`: the request's. `created`: Unix seconds. `wants_usage`: whether the client asked for the usage chunk.
    #[must_use]
    pub fn new(id: &str, created: u64, model: &str, wants_usage: bool) -> Self {
        Self {
            id: completion_id(id),
            created,
            model: model.to_owned(),
            wants_usage,
            has_begun: false,
        }
    }

    /// The next piece of text; the first one is preceded by the chunk that names the role.
    pub fn text(&mut self, text: &str) -> Bytes {
        let mut out = Vec::with_capacity(256 + text.len());
        self.write_text(&mut out, text);
        out.into()
    }

    /// The end. `answer.text` is what has not been sent as pieces.
    pub fn finish(&mut self, answer: &Answer<'_>) -> Bytes {
        let mut out = Vec::with_capacity(1_024);
        self.write_text(&mut out, answer.shown().as_deref().unwrap_or_default());
        for (index, call) in answer.calls().enumerate() {
            let mut call = call.clone();
            if let Some(members) = call.as_object_mut() {
                members.insert("index".to_owned(), index.into());
            }
            let tool_calls = Some([call]);
            self.write_delta(
                &mut out,
                Delta {
                    tool_calls,
                    ..Delta::default()
                },
                None,
            );
        }
        self.write_delta(&mut out, Delta::default(), Some(answer.finish()));
        if self.wants_usage {
            self.write(&mut out, &[], Some(Usage::of(answer)));
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        out.into()
    }

    fn write_text(&mut self, out: &mut Vec<u8>, text: &str) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let role = Some("assistant");
            self.write_delta(
                out,
                Delta {
                    role,
                    content: Some(""),
                    ..Delta::default()
                },
                None,
            );
        }
        if !text.is_empty() {
            self.write_delta(
                out,
                Delta {
                    content: Some(text),
                    ..Delta::default()
                },
                None,
            );
        }
    }

    fn write_delta(&self, out: &mut Vec<u8>, delta: Delta<'_>, finish_reason: Option<&str>) {
        self.write(
            out,
            &[Choice {
                index: 0,
                delta,
                finish_reason,
            }],
            None,
        );
    }

    fn write(&self, out: &mut Vec<u8>, choices: &[Choice<'_>], usage: Option<Usage>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            // Who asked for usage sees the member in every chunk, null in all but the last.
            usage: self.wants_usage.then_some(usage),
        };
        out.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut *out, &chunk).expect("texts and numbers encode into memory");
        out.extend_from_slice(b"\n\n");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::answer::fixture;

    fn chunks(bytes: &[u8]) -> Vec<Value> {
        let text = std::str::from_utf8(bytes).unwrap();
        let data = |event: &str| {
            serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap_or(json!("DONE"))
        };
        text.split_terminator("\n\n").map(data).collect()
    }

    #[test]
    fn role_text_finish_usage_and_done_follow_each_other() {
        let mut stream = Stream::new("r1", 7, "m", true);
        let first = chunks(&stream.text("Hel"));
        assert_eq!(
            first[0]["choices"][0]["delta"],
            json!({"role": "assistant", "content": ""})
        );
        assert_eq!(first[1]["choices"][0]["delta"], json!({"content": "Hel"}));
        assert_eq!(first[1]["usage"], Value::Null);
        assert_eq!(first[1]["id"], "chatcmpl-r1");

        let last = chunks(&stream.finish(&Answer {
            text: Some("lo"),
            ..fixture()
        }));
        assert_eq!(last[0]["choices"][0]["delta"], json!({"content": "lo"}));
        assert_eq!(
            last[1]["choices"][0],
            json!({"index": 0, "delta": {}, "finish_reason": "stop"})
        );
        assert_eq!(last[2]["choices"], json!([]));
        assert_eq!(
            last[2]["usage"],
            json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
        );
        assert_eq!(last[3], "DONE");
    }

    #[test]
    fn usage_is_not_mentioned_to_who_did_not_ask() {
        let mut stream = Stream::new("r1", 7, "m", false);
        let all = chunks(&stream.finish(&fixture()));
        assert_eq!(all.len(), 3, "role, finish, done");
        assert!(all[0].get("usage").is_none());
    }

    #[test]
    fn tool_calls_are_numbered() {
        let calls = json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {"id": "b"}]);
        let all = chunks(&Stream::new("r1", 7, "m", false).finish(&Answer {
            tool_calls: Some(&calls),
            ..fixture()
        }));
        assert_eq!(all[1]["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        assert_eq!(
            all[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"],
            "f"
        );
        assert_eq!(
            all[2]["choices"][0]["delta"]["tool_calls"][0],
            json!({"id": "b", "index": 1})
        );
        assert_eq!(all[3]["choices"][0]["finish_reason"], "tool_calls");
    }
}
