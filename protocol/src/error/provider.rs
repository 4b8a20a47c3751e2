//! Errors in the shapes of the protocols we imitate, with our codes inside (design D3).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Code, Fault};

/// An OpenAI error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAiError {
    /// The only member.
    pub error: OpenAiBody,
}

/// What an OpenAI error says; the members after `code` are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAiBody {
    /// Text for people.
    pub message: String,
    /// OpenAI's own class.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The parameter at fault; we do not name it.
    pub param: Option<String>,
    /// Our kebab-case code.
    pub code: Cow<'static, str>,
    /// What both provider shapes carry.
    #[serde(flatten)]
    pub extension: Extension,
}

/// An Anthropic error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnthropicError {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// What happened.
    pub error: AnthropicBody,
    /// The correlation id under the name Anthropic's clients read.
    pub request_id: String,
}

/// What an Anthropic error says; the members after `message` are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnthropicBody {
    /// Anthropic's own class.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Text for people.
    pub message: String,
    /// Our kebab-case code.
    pub code: Cow<'static, str>,
    /// What both provider shapes carry.
    #[serde(flatten)]
    pub extension: Extension,
}

/// Members we add to a provider's error shape; its clients ignore them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Wire code.
    pub wire_code: Code,
    /// Whether a repeat can help.
    pub retryable: bool,
    /// Wait before the repeat, in milliseconds; present if and only if `retryable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Names the request in logs and traces.
    pub correlation_id: String,
    /// What to do next.
    pub hint: Cow<'static, str>,
}

impl Fault {
    /// The body an OpenAI client reads; the status is the table's.
    #[must_use]
    pub fn openai(&self, correlation_id: &str) -> OpenAiError {
        OpenAiError {
            error: OpenAiBody {
                message: self.text(),
                kind: openai_type(self.row().status).into(),
                param: None,
                code: self.row().slug.into(),
                extension: self.extension(correlation_id),
            },
        }
    }

    /// The body an Anthropic client reads; the status is the table's.
    #[must_use]
    pub fn anthropic(&self, correlation_id: &str) -> AnthropicError {
        AnthropicError {
            kind: "error".into(),
            error: AnthropicBody {
                kind: anthropic_type(self.row().status).into(),
                message: self.text(),
                code: self.row().slug.into(),
                extension: self.extension(correlation_id),
            },
            request_id: correlation_id.to_owned(),
        }
    }

    /// The stable text and, where it adds something, the detail.
    fn text(&self) -> String {
        let message = self.row().message;
        match self.public_detail() {
            "" => message.to_owned(),
            detail if detail == message => message.to_owned(),
            detail => format!("{message}: {detail}"),
        }
    }

    fn extension(&self, correlation_id: &str) -> Extension {
        let retry = self.retry();
        Extension {
            wire_code: self.code,
            retryable: retry.is_retryable(),
            retry_after_ms: retry.after_ms(),
            correlation_id: correlation_id.to_owned(),
            hint: self.row().hint.into(),
        }
    }
}

/// OpenAI's class for an error, by its HTTP status.
const fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// Anthropic's class for an error, by its HTTP status.
const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_carries_the_same_codes() {
        let fault = Fault::new(Code::NotFound, "no model gpt-9");
        let openai = serde_json::to_value(fault.openai("c-1")).unwrap();
        assert_eq!(openai["error"]["message"], "not found: no model gpt-9");
        assert_eq!(openai["error"]["type"], "invalid_request_error");
        assert_eq!(openai["error"]["code"], "not-found");
        assert_eq!(openai["error"]["wire_code"], "ENOTFOUND");
        let anthropic = serde_json::to_value(fault.anthropic("c-1")).unwrap();
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "not_found_error");
        assert_eq!(anthropic["error"]["wire_code"], "ENOTFOUND");
        assert_eq!(anthropic["request_id"], "c-1");
    }

    #[test]
    fn a_refused_credential_is_named_once_and_without_detail() {
        let body = Fault::new(Code::Auth, "key 17 revoked").openai("c");
        assert_eq!(body.error.message, "authentication failed");
    }
}
