//! The HTTP body of native endpoints: a problem document (RFC 9457, design D3).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Code, Fault};

/// Its media type.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem document. A superset of the `{error, detail}` body of older programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:atp:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The code's stable text.
    pub title: Cow<'static, str>,
    /// HTTP status.
    pub status: u16,
    /// What is specific to this occurrence, at most 200 bytes.
    pub detail: String,
    /// Kebab-case code.
    pub code: Cow<'static, str>,
    /// Wire code.
    pub wire_code: Code,
    /// The HTTP-facing word of atp.md 15.2.
    pub error: Cow<'static, str>,
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

impl Problem {
    /// The `Retry-After` header in whole seconds, rounded up: accompanies 429 and 503.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        matches!(self.status, 429 | 503)
            .then_some(self.retry_after_ms)
            .flatten()
            .map(|ms| ms.div_ceil(1000))
    }

    /// The same problem as older clients know it: over budget is 429 `backpressure` (`compat.budget_429`).
    #[must_use]
    pub fn with_budget_429(mut self) -> Self {
        if self.wire_code == Code::Budget {
            self.status = 429;
            self.error = "backpressure".into();
            self.detail = "budget_denied".to_owned();
        }
        self
    }
}

impl Fault {
    /// The problem document of this error.
    #[must_use]
    pub fn problem(&self, correlation_id: &str) -> Problem {
        let row = self.row();
        let retry = self.retry();
        Problem {
            kind: format!("urn:atp:problem:{}", row.slug).into(),
            title: row.message.into(),
            status: row.status,
            detail: self.public_detail().to_owned(),
            code: row.slug.into(),
            wire_code: self.code,
            error: row.error.into(),
            retryable: retry.is_retryable(),
            retry_after_ms: retry.after_ms(),
            correlation_id: correlation_id.to_owned(),
            hint: row.hint.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_code_in_every_spelling() {
        let problem = Fault::new(Code::Budget, "account acme has 3 tokens left").problem("c-1");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "urn:atp:problem:budget-exhausted",
                "title": "budget exhausted",
                "status": 402,
                "detail": "account acme has 3 tokens left",
                "code": "budget-exhausted",
                "wire_code": "EBUDGET",
                "error": "budget_exhausted",
                "retryable": false,
                "correlation_id": "c-1",
                "hint": "raise the budget",
            })
        );
        let compatible = problem.with_budget_429();
        assert_eq!((compatible.status, &*compatible.error), (429, "backpressure"));
    }

    #[test]
    fn retry_after_is_rounded_up_to_seconds() {
        assert_eq!(Fault::new(Code::Window, "").problem("c").retry_after_s(), Some(1));
        let slow = Fault::new(Code::Rate, "").retry_after(1001);
        assert_eq!(slow.problem("c").retry_after_s(), Some(2));
        assert_eq!(Fault::new(Code::Timeout, "").problem("c").retry_after_s(), None);
    }
}
