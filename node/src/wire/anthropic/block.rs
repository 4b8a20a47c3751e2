//! Canonical turns as Anthropic's: roles merged, results and calls as blocks.

use atp_protocol::error::Fault;
use atp_protocol::request::{Message, MessageContent, Role};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::wire::field::{parse, wrong};

/// A conversation in Anthropic's shape.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// Texts of all system turns, in order.
    pub(super) system: Vec<String>,
    turns: Vec<(&'static str, Vec<Value>)>,
}

impl Conversation {
    /// Adds a turn. Neighbours of one role are merged: all results of an assistant's calls must stand in one user turn.
    pub(super) fn push(&mut self, message: &Message, name: &str) -> Result<(), Fault> {
        let mut blocks = content_blocks(&message.content, name)?;
        let role = match message.role {
            Role::System => {
                let text = |block: &Value| block["text"].as_str().map(str::to_owned);
                self.system.extend(blocks.iter().filter_map(text));
                return Ok(());
            }
            Role::Tool => {
                blocks = vec![json!({
                    "type": "tool_result",
                    "tool_use_id": message.tool_call_id,
                    "content": blocks,
                })];
                "user"
            }
            Role::User | Role::Function => "user",
            Role::Assistant => {
                if let Some(calls) = &message.tool_calls {
                    blocks.extend(tool_uses(calls, &format!("{name}.tool_calls"))?);
                }
                "assistant"
            }
        };
        match self.turns.last_mut() {
            Some((last, merged)) if *last == role => merged.append(&mut blocks),
            _ if blocks.is_empty() => {}
            _ => self.turns.push((role, blocks)),
        }
        Ok(())
    }

    pub(super) fn into_messages(self) -> Value {
        let turn = |(role, content)| json!({ "role": role, "content": content });
        self.turns.into_iter().map(turn).collect()
    }
}

fn content_blocks(content: &MessageContent, name: &str) -> Result<Vec<Value>, Fault> {
    Ok(match content {
        MessageContent::Text(text) => text_block(text).into_iter().collect(),
        MessageContent::Parts(parts) => {
            let parts: Vec<Value> = parse(parts.get().as_bytes(), name)?;
            parts.into_iter().filter_map(from_part).collect()
        }
        MessageContent::None(()) => Vec::new(),
    })
}

/// Anthropic refuses blocks without text.
fn text_block(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({ "type": "text", "text": text }))
}

/// The block for an OpenAI part; what OpenAI has no word for is a block already.
fn from_part(part: Value) -> Option<Value> {
    let data_of = |pointer: &str| part.pointer(pointer).and_then(Value::as_str);
    match part["type"].as_str() {
        Some("text") => text_block(part["text"].as_str().unwrap_or_default()),
        Some("refusal") => text_block(part["refusal"].as_str().unwrap_or_default()),
        Some("image_url") => {
            data_of("/image_url/url").map(|url| json!({ "type": "image", "source": source(url) }))
        }
        Some("file") => match data_of("/file/file_data") {
            Some(url) => Some(json!({ "type": "document", "source": source(url) })),
            None => Some(part),
        },
        _ => Some(part),
    }
}

fn source(url: &str) -> Value {
    let base64 = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    match base64 {
        Some((media_type, data)) => json!({ "type": "base64", "media_type": media_type, "data": data }),
        None => json!({ "type": "url", "url": url }),
    }
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: String,
}

fn tool_uses(calls: &RawValue, name: &str) -> Result<Vec<Value>, Fault> {
    let calls: Vec<Call> = parse(calls.get().as_bytes(), name)?;
    calls
        .into_iter()
        .map(|Call { id, function }| {
            let input = match function.arguments.trim() {
                "" => Map::new(),
                text => serde_json::from_str(text)
                    .map_err(|_| wrong(name, "arguments are not the text of a JSON object"))?,
            };
            Ok(json!({ "type": "tool_use", "id": id, "name": function.name, "input": input }))
        })
        .collect()
}
