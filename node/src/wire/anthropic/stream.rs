//! Writes a message event by event: `message_start`, blocks, `message_delta`, `message_stop`.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Message, Usage, arguments, message_id};
use super::stop_reason;
use crate::wire::Answer;

/// The events of one answer. Every piece returned holds whole events.
#[derive(Debug)]
pub struct Stream {
    id: String,
    model: String,
    in_tokens: u64,
    has_begun: bool,
    /// Index of the next block.
    next: u64,
    is_in_text: bool,
}

impl Stream {
    /// `id`: the request's. `in_tokens`: what is thought of the input; the end tells the exact figure.
    #[must_use]
    pub fn new(id: &str, model: &str, in_tokens: u64) -> Self {
        Self {
            id: message_id(id),
            model: model.to_owned(),
            in_tokens,
            has_begun: false,
            next: 0,
            is_in_text: false,
        }
    }

    /// The next piece of text; the first one is preceded by the start of the message and of its block.
    pub fn text(&mut self, text: &str) -> Bytes {
        let mut out = Vec::with_capacity(512 + text.len());
        self.write_text(&mut out, text);
        out.into()
    }

    /// The end. `answer.text` is what has not been sent as pieces.
    pub fn finish(&mut self, answer: &Answer<'_>) -> Bytes {
        let mut out = Vec::with_capacity(1_024);
        self.write_text(&mut out, answer.shown().as_deref().unwrap_or_default());
        self.end_text(&mut out);
        for call in answer.calls() {
            self.write_call(&mut out, call);
        }
        let delta = json!({
            "type": "message_delta",
            "delta": { "stop_reason": stop_reason(answer.finish()), "stop_sequence": null },
            "usage": Usage::of(answer),
        });
        write(&mut out, "message_delta", &delta);
        write(&mut out, "message_stop", &json!({ "type": "message_stop" }));
        out.into()
    }

    fn write_text(&mut self, out: &mut Vec<u8>, text: &str) {
        self.begin(out);
        if text.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.is_in_text, true) {
            self.start_block(out, &json!({ "type": "text", "text": "" }));
        }
        self.write_delta(out, &json!({ "type": "text_delta", "text": text }));
    }

    fn write_call(&mut self, out: &mut Vec<u8>, call: &Value) {
        let (id, name) = (&call["id"], &call["function"]["name"]);
        self.start_block(
            out,
            &json!({ "type": "tool_use", "id": id, "name": name, "input": {} }),
        );
        self.write_delta(
            out,
            &json!({ "type": "input_json_delta", "partial_json": arguments(call) }),
        );
        self.end_block(out);
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let message = Message {
            id: &self.id,
            kind: "message",
            role: "assistant",
            model: &self.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage {
                input_tokens: self.in_tokens,
                output_tokens: 0,
            },
        };
        write(
            out,
            "message_start",
            &json!({ "type": "message_start", "message": message }),
        );
    }

    fn start_block(&self, out: &mut Vec<u8>, block: &Value) {
        let start = json!({ "type": "content_block_start", "index": self.next, "content_block": block });
        write(out, "content_block_start", &start);
    }

    fn write_delta(&self, out: &mut Vec<u8>, delta: &Value) {
        let delta = json!({ "type": "content_block_delta", "index": self.next, "delta": delta });
        write(out, "content_block_delta", &delta);
    }

    fn end_text(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_in_text) {
            self.end_block(out);
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        write(
            out,
            "content_block_stop",
            &json!({ "type": "content_block_stop", "index": self.next }),
        );
        self.next += 1;
    }
}

fn write<T: Serialize>(out: &mut Vec<u8>, name: &str, data: &T) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    serde_json::to_writer(&mut *out, data).expect("texts and numbers encode into memory");
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::answer::fixture;

    fn events(bytes: &[u8]) -> Vec<(String, Value)> {
        let text = std::str::from_utf8(bytes).unwrap();
        let read = |event: &str| {
            let (name, data) = event.split_once("\ndata: ").unwrap();
            let name = name.strip_prefix("event: ").unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"], name);
            (name.to_owned(), data)
        };
        text.split_terminator("\n\n").map(read).collect()
    }

    #[test]
    fn the_events_follow_the_protocols_order() {
        let calls = json!([{"id": "c1", "function": {"name": "f", "arguments": "{\"a\":1}"}}]);
        let mut stream = Stream::new("r1", "m", 3);
        let mut all = events(&stream.text("Hel"));
        all.extend(events(&stream.finish(&Answer {
            text: Some("lo"),
            tool_calls: Some(&calls),
            ..fixture()
        })));
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ]
        );
        assert_eq!(
            all[0].1["message"]["usage"],
            json!({"input_tokens": 3, "output_tokens": 0})
        );
        assert_eq!(all[2].1["delta"], json!({"type": "text_delta", "text": "Hel"}));
        assert_eq!(all[5].1["index"], 1);
        assert_eq!(
            all[6].1["delta"],
            json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})
        );
        assert_eq!(all[8].1["delta"]["stop_reason"], "tool_use");
        assert_eq!(all[8].1["usage"], json!({"input_tokens": 3, "output_tokens": 4}));
    }

    #[test]
    fn an_answer_without_text_has_no_blocks() {
        let names: Vec<_> = events(&Stream::new("r1", "m", 0).finish(&fixture()))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["message_start", "message_delta", "message_stop"]);
    }
}
