//! Answers in one piece.

use std::borrow::Cow;

use atp_actors::adapter::LaneFinal;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::event::Usage;
use crate::provider::count;
use crate::wire::anthropic::finish_reason;

/// What is looked at in a message that is forwarded.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
}

/// The blocks that are understood.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
    #[serde(other)]
    Other,
}

/// The body as it came, with what it says of itself.
pub(super) fn forward(body: Bytes) -> Option<LaneFinal> {
    let outline: Outline<'_> = serde_json::from_slice(&body).ok()?;
    Some(LaneFinal {
        out_tokens: outline.content.map(|content| count::whole(content.get().len())),
        usage: outline.usage.and_then(Usage::metered),
        model: outline.model.map(Cow::into_owned),
        finish_reason: outline
            .stop_reason
            .map(|reason| finish_reason(&reason).to_owned()),
        body: Some(body.clone()),
        ..LaneFinal::default()
    })
}

/// The texts, joined, and the tool calls. A body without content is no message.
pub(super) fn read(body: Bytes) -> Option<LaneFinal> {
    let message: Content<'_> = serde_json::from_slice(&body).ok()?;
    let mut text: Option<String> = None;
    let mut calls = Vec::new();
    for block in message.content {
        match serde_json::from_str(block.get()).ok()? {
            Block::Text { text: more } => text.get_or_insert_default().push_str(&more),
            Block::ToolUse { id, name, input } => {
                let function = json!({ "name": name, "arguments": input.to_string() });
                calls.push(json!({ "id": id, "type": "function", "function": function }));
            }
            Block::Other => {}
        }
    }
    Some(LaneFinal {
        body: None,
        text,
        tool_calls: (!calls.is_empty()).then_some(Value::Array(calls)),
        ..forward(body.clone())?
    })
}
