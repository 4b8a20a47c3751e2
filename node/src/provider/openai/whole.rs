//! Answers in one piece.

use std::borrow::Cow;

use atp_actors::adapter::LaneFinal;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::chunk::Usage;
use crate::provider::count;

/// What is looked at in an answer that is forwarded. Its choices are read for their finish reason and their length only.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Finish<'a>>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Finish<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

/// The body as it came, with what it says of itself. Not if that is an error, which some servers send with status 200.
pub(super) fn forward(body: Bytes) -> Option<LaneFinal> {
    let outline: Outline<'_> = serde_json::from_slice(&body).ok()?;
    if outline.error.is_some() {
        return None;
    }
    let choices = outline.choices.unwrap_or_default();
    let messages = choices.iter().filter_map(|choice| choice.message);
    let output = messages.map(|message| message.get().len()).sum();
    let reasons = choices.into_iter().find_map(|choice| choice.finish_reason);
    Some(LaneFinal {
        out_tokens: Some(count::whole(output)),
        usage: outline.usage.and_then(Usage::metered),
        model: outline.model.map(Cow::into_owned),
        finish_reason: reasons.map(Cow::into_owned),
        body: Some(body.clone()),
        ..LaneFinal::default()
    })
}

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    /// What the model says instead of content when it declines.
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Value>,
}

/// Text and tool calls of the first choice. A body without choices is no completion.
pub(super) fn read(body: Bytes) -> Option<LaneFinal> {
    let completion: Completion<'_> = serde_json::from_slice(&body).ok()?;
    let Choice {
        message,
        finish_reason,
    } = completion.choices.into_iter().next()?;
    Some(LaneFinal {
        text: message.content.or(message.refusal),
        tool_calls: message
            .tool_calls
            .filter(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty())),
        usage: completion.usage.and_then(Usage::metered),
        model: completion.model.map(Cow::into_owned),
        finish_reason,
        ..LaneFinal::default()
    })
}

/// The body as data, for answers that have no text.
pub(super) fn read_data(body: Bytes) -> Option<LaneFinal> {
    let outline = forward(body.clone())?;
    Some(LaneFinal {
        body: None,
        data: Some(serde_json::from_slice(&body).ok()?),
        ..outline
    })
}
