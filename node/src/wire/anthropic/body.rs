//! Canonical content as a Messages body.

use atp_protocol::error::Fault;
use atp_protocol::request::Content;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::block::Conversation;
use super::tools::{from_choice, from_functions};
use crate::wire::Terms;

/// Output limit where neither the client nor the hold names one (atp.md 7.2); the protocol requires one.
const MAX_TOKENS: u64 = 512;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    messages: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

/// Writes content that came in another protocol as a Messages body.
///
/// # Errors
/// `EBAD_INPUT` for tools, parts or calls that are not of the OpenAI shape, named.
pub fn body(content: &Content, terms: &Terms<'_>) -> Result<Bytes, Fault> {
    let mut conversation = Conversation::default();
    conversation.system.extend(terms.system.map(str::to_owned));
    for (at, message) in content.messages.iter().enumerate() {
        conversation.push(message, &format!("messages[{at}]"))?;
    }
    let system = conversation.system.join("\n\n");
    let body = Body {
        model: terms.model,
        max_tokens: content
            .max_tokens
            .into_iter()
            .chain(terms.max_output_tokens)
            .min()
            .unwrap_or(MAX_TOKENS),
        system: (!system.is_empty()).then_some(system),
        messages: conversation.into_messages(),
        // OpenAI's scale goes to 2.
        temperature: content.temperature.map(|temperature| temperature.min(1.0)),
        top_p: content.top_p,
        stop_sequences: content
            .stop
            .iter()
            .map(String::as_str)
            .filter(|stop| !stop.trim().is_empty())
            .collect(),
        tools: content.tools.as_deref().map(from_functions).transpose()?,
        tool_choice: content.tool_choice.as_deref().map(from_choice).transpose()?,
        stream: terms.is_stream,
    };
    Ok(serde_json::to_vec(&body)
        .expect("texts, numbers and values encode")
        .into())
}

#[cfg(test)]
mod tests;
