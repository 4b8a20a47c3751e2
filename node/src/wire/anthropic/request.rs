//! Reads a client's body.

use std::sync::Arc;

use atp_protocol::error::Fault;
use atp_protocol::request::{Content, Dialect, Message, MessageContent, NativeBody, Role};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::part::{Blocks, ToolResult, ToolUse, blocks, text_of};
use super::tools::{raw, to_choice, to_functions};
use crate::wire::Parsed;
use crate::wire::field::{members, object, optional, required, wrong};

/// Reads a Messages request.
///
/// # Errors
/// `EPROTO` for what is not a JSON object, `EBAD_INPUT` for a member of another type than the protocol's, named.
pub fn parse_messages(bytes: Bytes) -> Result<Parsed, Fault> {
    let body = object(&bytes)?;
    let mut messages = Vec::new();
    if let Some(system) = optional::<&RawValue>(&body, "system")? {
        let text = text_of(system, "system")?;
        messages.push(Message::new(Role::System, MessageContent::Text(text)));
    }
    let turns: Vec<&RawValue> = required(&body, "messages")?;
    if turns.is_empty() {
        return Err(wrong("messages", "must hold at least one message"));
    }
    for (at, turn) in turns.into_iter().enumerate() {
        read_turn(turn, &format!("messages[{at}]"), &mut messages)?;
    }
    let tools: Option<&RawValue> = optional(&body, "tools")?;
    let tool_choice: Option<&RawValue> = optional(&body, "tool_choice")?;
    let content = Content {
        messages,
        model: optional(&body, "model")?,
        max_tokens: match required(&body, "max_tokens")? {
            0 => return Err(wrong("max_tokens", "must be at least 1")),
            most => Some(most),
        },
        temperature: optional(&body, "temperature")?,
        top_p: optional(&body, "top_p")?,
        stop: optional(&body, "stop_sequences")?.unwrap_or_default(),
        tools: tools.map(to_functions).transpose()?,
        tool_choice: tool_choice.map(to_choice).transpose()?,
        ..Content::default()
    };
    Ok(Parsed {
        content: Arc::new(content),
        wants_stream: optional(&body, "stream")?.unwrap_or(false),
        wants_usage: true,
        choices: 1,
        max_cost_usd_micros: None,
        provider_preference: None,
        native: NativeBody {
            dialect: Dialect::AnthropicMessages,
            bytes: bytes.clone(),
        },
    })
}

#[derive(Deserialize)]
struct Turn<'a> {
    role: Speaker,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    User,
    Assistant,
    System,
}

fn read_turn(turn: &RawValue, name: &str, out: &mut Vec<Message>) -> Result<(), Fault> {
    let Turn { role, content } = members(turn.get().as_bytes(), name)?;
    let name = format!("{name}.content");
    let role = match role {
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
        Speaker::System => Role::System,
    };
    let list = match blocks(content, &name)? {
        Blocks::Text(text) => {
            out.push(Message::new(role, MessageContent::Text(text)));
            return Ok(());
        }
        Blocks::List(list) => list,
    };
    let mut parts: Vec<Value> = Vec::new();
    let mut calls: Vec<Value> = Vec::new();
    for block in list {
        match block.kind.as_str() {
            "tool_result" => {
                // OpenAI knows results as turns of their own, before whatever else the user says.
                let ToolResult { tool_use_id, content } = block.read()?;
                let content = content.map_or_else(|| Ok(String::new()), |raw| text_of(raw, &name))?;
                out.push(Message {
                    tool_call_id: Some(tool_use_id),
                    ..Message::new(Role::Tool, MessageContent::Text(content))
                });
            }
            "tool_use" => {
                let ToolUse { id, name, input } = block.read()?;
                let arguments = input.map_or("{}", RawValue::get);
                let function = json!({ "name": name, "arguments": arguments });
                calls.push(json!({ "id": id, "type": "function", "function": function }));
            }
            "thinking" | "redacted_thinking" => {}
            _ => parts.push(block.part()?),
        }
    }
    if parts.is_empty() && calls.is_empty() {
        return Ok(());
    }
    out.push(Message {
        tool_calls: (!calls.is_empty()).then(|| raw(&calls)),
        ..Message::new(role, joined(parts))
    });
    Ok(())
}

/// A single text stays a text, so that it is read where only texts are.
fn joined(parts: Vec<Value>) -> MessageContent {
    match &parts[..] {
        [] => MessageContent::None(()),
        [only] if only["type"] == "text" => {
            MessageContent::Text(only["text"].as_str().unwrap_or_default().to_owned())
        }
        _ => MessageContent::Parts(raw(&parts)),
    }
}

#[cfg(test)]
mod tests;
