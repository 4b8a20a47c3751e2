//! Provider errors as faults of the taxonomy (atp.md 15.2, 22.4).

use std::fmt;

use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::ids::AdapterId;
use atp_protocol::units::UnixMillis;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::http::SendError;
use super::retry_after::retry_after_ms;

/// Longest message of a provider that is passed on, in characters.
const MAX_MESSAGE: usize = 200;

/// Names the adapter in every fault it causes.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    adapter: AdapterId,
}

impl Refusal {
    pub(super) fn of(adapter: AdapterId) -> Self {
        Self { adapter }
    }

    pub(super) fn fault(&self, code: Code, what: impl fmt::Display) -> Fault {
        Fault::new(code, cut(&format!("{}: {what}", self.adapter))).scoped(Scope::Lane)
    }

    /// A request that brought no reply.
    pub(super) fn unsent(&self, error: &SendError) -> Fault {
        match error {
            SendError::Full => self.fault(
                Code::WindowAgent,
                "all connections are busy; retry later or raise in_flight",
            ),
            SendError::Connect(_) => self.fault(
                Code::AgentDown,
                "cannot be reached; check that it runs and its base url",
            ),
            SendError::Broken(_) => self
                .fault(Code::Adapter, "connection broke before an answer began")
                .outcome_unknown(),
        }
    }

    /// A reply with an error status.
    pub(super) fn status(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Fault {
        let said = Said::read(body);
        let wait = retry_after_ms(headers, now);
        let code = code_of(status, &said);
        let fault = match code {
            // The provider's words may hold part of the key.
            Code::Config => self.fault(
                code,
                format_args!("refused the router's credential ({status}); check its key"),
            ),
            Code::NotFound => self.fault(
                code,
                format_args!("has no such model or path; {}", said.message(status)),
            ),
            _ => self.fault(code, said.message(status)),
        };
        match (code, wait) {
            (Code::WindowAgent | Code::Adapter, Some(ms)) => fault.retry_after(ms),
            _ => fault,
        }
    }

    /// An answer that is none: an error under a status that promised better, or nothing of the protocol's.
    pub(super) fn body(&self, body: &[u8]) -> Fault {
        if Said::read(body).message.is_empty() {
            return self.fault(
                Code::Adapter,
                "answered with something else than its protocol's JSON",
            );
        }
        self.event(body)
    }

    /// An error inside a stream that began well; `error` is the JSON of the event.
    pub(super) fn event(&self, error: &[u8]) -> Fault {
        let said = Said::read(error);
        let code = match said.kind.as_str() {
            _ if said.code == "rate_limit_exceeded" => Code::WindowAgent,
            "overloaded_error" | "rate_limit_error" | "insufficient_quota" => Code::WindowAgent,
            "timeout_error" => Code::Timeout,
            _ if said.is_about_context() => Code::Context,
            "invalid_request_error" => Code::BadInput,
            // Some servers give the status that came too late for the head.
            _ => said.status.map_or(Code::Adapter, |status| code_of(status, &said)),
        };
        self.fault(code, said.message("stream error"))
    }
}

fn code_of(status: StatusCode, said: &Said) -> Code {
    match status.as_u16() {
        401 | 403 => Code::Config,
        404 => Code::NotFound,
        413 if !said.is_about_context() => Code::TooBig,
        413 => Code::Context,
        400 | 422 if said.is_about_context() => Code::Context,
        402 | 429 | 529 => Code::WindowAgent,
        // A 408 says that the upstream waited for us, which another attempt can mend.
        408 => Code::Adapter,
        400..=499 => Code::BadInput,
        // Failures of the server; and a redirect or an information is nothing an API answers.
        _ => Code::Adapter,
    }
}

/// What an error body says: `{"error": {"message", "type", "code"}}` with everything optional, or anything else.
#[derive(Debug, Default)]
struct Said {
    message: String,
    kind: String,
    code: String,
    /// A numeric code, where it is an error status.
    status: Option<StatusCode>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    error: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
    detail: Option<serde_json::Value>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let error = body.error.unwrap_or_default();
        let text =
            |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let message = [
            error.get("message"),
            Some(&error),
            body.message.as_ref(),
            body.detail.as_ref(),
        ]
        .into_iter()
        .map(text)
        .find(|text| !text.is_empty());
        Self {
            message: message.unwrap_or_default(),
            kind: text(error.get("type")),
            code: text(error.get("code")),
            status: error.get("code").and_then(error_status),
        }
    }

    /// Each provider words it differently; only OpenAI has a code for it.
    fn is_about_context(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        self.code == "context_length_exceeded"
            || [
                "context length",
                "context window",
                "context size",
                "prompt is too long",
                "maximum context",
            ]
            .iter()
            .any(|words| message.contains(words))
    }

    fn message(&self, otherwise: impl fmt::Display) -> String {
        if self.message.is_empty() {
            otherwise.to_string()
        } else {
            self.message.clone()
        }
    }
}

fn error_status(code: &serde_json::Value) -> Option<StatusCode> {
    let code = u16::try_from(code.as_u64()?).ok().filter(|code| *code >= 400)?;
    StatusCode::from_u16(code).ok()
}

/// At most [`MAX_MESSAGE`] characters, without control characters.
fn cut(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        let refusal = Refusal::of(AdapterId::new("openai.main").unwrap());
        let headers =
            HeaderMap::from_iter([(http::header::RETRY_AFTER, http::HeaderValue::from_static("3"))]);
        refusal.status(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
            UnixMillis(0),
        )
    }

    #[test]
    fn statuses_map_to_the_taxonomy() {
        for (status, code) in [
            (400, Code::BadInput),
            (401, Code::Config),
            (403, Code::Config),
            (404, Code::NotFound),
            (408, Code::Adapter),
            (413, Code::TooBig),
            (422, Code::BadInput),
            (429, Code::WindowAgent),
            (500, Code::Adapter),
            (502, Code::Adapter),
            (503, Code::Adapter),
            (504, Code::Adapter),
            (529, Code::WindowAgent),
            (302, Code::Adapter),
        ] {
            assert_eq!(fault(status, "").code, code, "{status}");
        }
        assert_eq!(fault(429, "").retry_after_ms, Some(3_000));
        assert_eq!(fault(400, "").retry_after_ms, None);
    }

    #[test]
    fn a_context_overflow_is_told_apart() {
        for body in [
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens","code":400}"#,
        ] {
            assert_eq!(fault(400, body).code, Code::Context, "{body}");
        }
    }

    #[test]
    fn errors_inside_a_stream_are_told_apart() {
        let refusal = Refusal::of(AdapterId::new("openai.main").unwrap());
        for (event, code) in [
            (
                r#"{"error":{"message":"busy","type":"overloaded_error"}}"#,
                Code::WindowAgent,
            ),
            (
                r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
                Code::WindowAgent,
            ),
            (
                r#"{"error":{"message":"slow down","code":429}}"#,
                Code::WindowAgent,
            ),
            (
                r#"{"error":{"message":"bad","type":"BadRequestError","code":400}}"#,
                Code::BadInput,
            ),
            (
                r#"{"error":{"message":"prompt is too long","type":"invalid_request_error"}}"#,
                Code::Context,
            ),
            (
                r#"{"error":{"message":"oops","type":"server_error"}}"#,
                Code::Adapter,
            ),
            (r#"{"error":{"code":200}}"#, Code::Adapter),
            ("garbage", Code::Adapter),
        ] {
            assert_eq!(refusal.event(event.as_bytes()).code, code, "{event}");
        }
    }

    #[test]
    fn a_refused_credential_is_not_quoted() {
        let said = fault(
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-abc***def."}}"#,
        );
        assert!(!said.detail.contains("sk-abc"), "{}", said.detail);
        assert!(said.detail.contains("openai.main"), "{}", said.detail);
    }

    #[test]
    fn long_messages_are_cut_and_odd_bodies_tolerated() {
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(500));
        assert_eq!(fault(400, &long).detail.chars().count(), MAX_MESSAGE);
        for body in [
            "<html>",
            "[]",
            "null",
            r#"{"error":"plain"}"#,
            r#"{"error":{"message":5}}"#,
        ] {
            assert_eq!(fault(400, body).code, Code::BadInput);
        }
        assert!(fault(400, r#"{"error":"plain"}"#).detail.ends_with("plain"));
    }
}
