//! Canonical content as a chat body.

use atp_protocol::request::{Content, Message};
use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::LimitMember;
use super::edit::sampling_seed;
use crate::wire::Terms;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Messages<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

struct Messages<'a> {
    system: Option<&'a str>,
    rest: &'a [Message],
}

/// Instructions put before the conversation.
#[derive(Serialize)]
pub(super) struct SystemTurn<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> SystemTurn<'a> {
    pub(super) const fn of(content: &'a str) -> Self {
        Self {
            role: "system",
            content,
        }
    }
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(content) = self.system {
            list.serialize_element(&SystemTurn::of(content))?;
        }
        for message in self.rest {
            list.serialize_element(message)?;
        }
        list.end()
    }
}

/// Writes content that came in another protocol as a chat body. A stream is asked for its usage.
#[must_use]
pub fn body(content: &Content, terms: &Terms<'_>, limit: LimitMember) -> Bytes {
    let most = content
        .max_tokens
        .into_iter()
        .chain(terms.max_output_tokens)
        .min();
    let body = Body {
        model: terms.model,
        messages: Messages {
            system: terms.system,
            rest: &content.messages,
        },
        max_tokens: most.filter(|_| limit == LimitMember::MaxTokens),
        max_completion_tokens: most.filter(|_| limit == LimitMember::MaxCompletionTokens),
        temperature: content.temperature,
        top_p: content.top_p,
        stop: &content.stop,
        tools: content.tools.as_deref(),
        tool_choice: content.tool_choice.as_deref(),
        response_format: content.response_format.as_deref(),
        seed: terms.seed.map(sampling_seed),
        stream: terms.is_stream,
        stream_options: terms.is_stream.then_some(StreamOptions { include_usage: true }),
    };
    serde_json::to_vec(&body)
        .expect("texts, numbers and JSON text encode")
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_becomes_a_body_with_the_smaller_limit() {
        let content = Content {
            max_tokens: Some(50),
            stop: vec!["END".to_owned()],
            tools: Some(RawValue::from_string("[{\"type\":\"function\"}]".to_owned()).unwrap()),
            ..Content::prompt("hi")
        };
        let terms = Terms {
            model: "m",
            system: Some("Be brief."),
            is_stream: true,
            max_output_tokens: Some(100),
            seed: Some(3),
            is_single: true,
        };
        let body: serde_json::Value =
            serde_json::from_slice(&body(&content, &terms, LimitMember::MaxTokens)).unwrap();
        assert_eq!(
            body,
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
                "max_tokens": 50,
                "stop": ["END"],
                "tools": [{"type": "function"}],
                "seed": 3,
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }
}
