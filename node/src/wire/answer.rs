//! A result on its way to a client, protocol aside.

use std::borrow::Cow;

use atp_protocol::finding::Finding;
use serde_json::Value;

/// What a client is told when the work is done.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The request's id; each protocol puts its own prefix before it.
    pub id: &'a str,
    /// Unix seconds.
    pub created: u64,
    /// Model, persona or adapter that answered.
    pub model: &'a str,
    /// The text, if there is any.
    pub text: Option<&'a str>,
    /// Structured result; shown as JSON text when there is no text.
    pub data: Option<&'a Value>,
    /// Findings; shown as JSON text when there is neither text nor data.
    pub findings: &'a [Finding],
    /// Tool calls in the OpenAI shape, an array.
    pub tool_calls: Option<&'a Value>,
    /// Why it ended, in the OpenAI words; `stop`, or `tool_calls` if there are any, when not given.
    pub finish_reason: Option<&'a str>,
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
}

impl<'a> Answer<'a> {
    /// The text, or whatever stands in for it. `None` when there are only tool calls, or nothing.
    #[must_use]
    pub fn shown(&self) -> Option<Cow<'a, str>> {
        if let Some(text) = self.text {
            return Some(Cow::Borrowed(text));
        }
        if let Some(data) = self.data {
            return Some(Cow::Owned(data.to_string()));
        }
        if self.findings.is_empty() {
            return None;
        }
        let findings = serde_json::json!({ "findings": self.findings });
        Some(Cow::Owned(findings.to_string()))
    }

    /// The tool calls one by one.
    pub fn calls(&self) -> impl Iterator<Item = &'a Value> {
        self.tool_calls.and_then(Value::as_array).into_iter().flatten()
    }

    /// Why it ended, always said.
    #[must_use]
    pub fn finish(&self) -> &'a str {
        let has_calls = self.calls().next().is_some();
        self.finish_reason
            .unwrap_or(if has_calls { "tool_calls" } else { "stop" })
    }
}

#[cfg(test)]
pub(super) const fn fixture() -> Answer<'static> {
    Answer {
        id: "r1",
        created: 7,
        model: "m",
        text: None,
        data: None,
        findings: &[],
        tool_calls: None,
        finish_reason: None,
        in_tokens: 3,
        out_tokens: 4,
    }
}
