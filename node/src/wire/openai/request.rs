//! Reads a client's body.

use std::sync::Arc;

use atp_protocol::error::Fault;
use atp_protocol::request::{Content, Dialect, Message, MessageContent, NativeBody, Quality, Role};
use atp_protocol::units::usd_to_micros;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::Parsed;
use crate::wire::field::{members, object, optional, parse, required, wrong};

/// Reads a chat completion request.
///
/// # Errors
/// `EPROTO` for what is not a JSON object, `EBAD_INPUT` for a member of another type than the protocol's, named.
pub fn parse_chat(bytes: Bytes) -> Result<Parsed, Fault> {
    let body = object(&bytes)?;
    let options: Option<&RawValue> = optional(&body, "stream_options")?;
    let options = options.map(|raw| members::<StreamOptions>(raw.get().as_bytes(), "stream_options"));
    let content = Content {
        messages: messages(required(&body, "messages")?)?,
        model: optional(&body, "model")?,
        max_tokens: limit(
            optional(&body, "max_completion_tokens")?,
            optional(&body, "max_tokens")?,
        )?,
        quality: optional(&body, "quality_preference")?.unwrap_or(Quality::Balanced),
        temperature: optional(&body, "temperature")?,
        top_p: optional(&body, "top_p")?,
        stop: optional(&body, "stop")?.map_or_else(Vec::new, Stop::into_list),
        tools: array(optional(&body, "tools")?, "tools")?,
        tool_choice: optional(&body, "tool_choice")?,
        response_format: optional(&body, "response_format")?,
    };
    Ok(Parsed {
        content: Arc::new(content),
        wants_stream: optional(&body, "stream")?.unwrap_or(false),
        wants_usage: options
            .transpose()?
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
        choices: match optional(&body, "n")? {
            Some(0) => return Err(wrong("n", "must be at least 1")),
            choices => choices.unwrap_or(1),
        },
        max_cost_usd_micros: match optional::<f64>(&body, "cost_limit")? {
            Some(usd) => Some(usd_to_micros(usd).ok_or_else(|| wrong("cost_limit", "must not be negative"))?),
            None => None,
        },
        provider_preference: optional(&body, "provider_preference")?,
        native: NativeBody {
            dialect: Dialect::OpenAiChat,
            bytes: bytes.clone(),
        },
    })
}

/// Reads an embeddings request. Its inputs become user turns, for estimates; upstream gets the body as received.
///
/// # Errors
/// As [`parse_chat`].
pub fn parse_embeddings(bytes: Bytes) -> Result<Parsed, Fault> {
    let body = object(&bytes)?;
    let input: &RawValue = required(&body, "input")?;
    let content = Content {
        model: optional(&body, "model")?,
        messages: vec![Message::new(
            Role::User,
            match input.get().as_bytes().first() {
                Some(b'"') => MessageContent::Text(parse(input.get().as_bytes(), "input")?),
                Some(b'[') => MessageContent::Parts(input.to_owned()),
                _ => return Err(wrong("input", "expected a string or an array")),
            },
        )],
        ..Content::default()
    };
    Ok(Parsed {
        content: Arc::new(content),
        wants_stream: false,
        wants_usage: false,
        choices: 1,
        max_cost_usd_micros: None,
        provider_preference: None,
        native: NativeBody {
            dialect: Dialect::OpenAiEmbeddings,
            bytes: bytes.clone(),
        },
    })
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl Stop {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
struct Turn<'a> {
    role: Role,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Box<RawValue>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

fn messages(turns: Vec<&RawValue>) -> Result<Vec<Message>, Fault> {
    if turns.is_empty() {
        return Err(wrong("messages", "must hold at least one message"));
    }
    // Kept as long as the request: no room for turns that do not come.
    let mut messages = Vec::with_capacity(turns.len());
    for (at, turn) in turns.iter().enumerate() {
        messages.push(message(turn.get().as_bytes(), &format!("messages[{at}]"))?);
    }
    Ok(messages)
}

fn message(text: &[u8], name: &str) -> Result<Message, Fault> {
    let turn: Turn<'_> = members(text, name)?;
    let content = match turn.content {
        None => MessageContent::None(()),
        Some(raw) => match raw.get().as_bytes().first() {
            Some(b'"') => MessageContent::Text(parse(raw.get().as_bytes(), name)?),
            Some(b'[') => MessageContent::Parts(raw.to_owned()),
            _ => {
                return Err(wrong(
                    &format!("{name}.content"),
                    "expected a string or an array of parts",
                ));
            }
        },
    };
    Ok(Message {
        role: turn.role,
        content,
        name: turn.name,
        tool_calls: array(turn.tool_calls, &format!("{name}.tool_calls"))?,
        tool_call_id: turn.tool_call_id,
    })
}

/// The smaller of the two limits, as a provider may obey either.
fn limit(newer: Option<u64>, older: Option<u64>) -> Result<Option<u64>, Fault> {
    let limit = newer.into_iter().chain(older).min();
    match limit {
        Some(0) => Err(wrong("max_tokens", "must be at least 1")),
        limit => Ok(limit),
    }
}

fn array(value: Option<Box<RawValue>>, name: &str) -> Result<Option<Box<RawValue>>, Fault> {
    match value {
        Some(value) if !value.get().starts_with('[') => Err(wrong(name, "expected an array")),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests;
