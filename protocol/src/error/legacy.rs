//! Words other programs use for our codes (atp.md 15.2, decision c).

use super::{Code, Retry};

/// Ad-hoc words, and the code that stands for an `error` word several codes share.
const WORDS: &[(&str, Code)] = &[
    ("ERROR_FATAL", Code::Fatal),
    ("admin_rate_limited", Code::Rate),
    ("binary_not_supported", Code::Unsupported),
    ("budget_denied", Code::Budget),
    ("connect", Code::AgentDown),
    ("external_service_error", Code::Adapter),
    ("forbidden", Code::Sec),
    ("invalid_body", Code::Proto),
    ("invalid_frame", Code::Proto),
    ("missing_nonce", Code::Auth),
    ("missing_secret", Code::Auth),
    ("policy_denied", Code::Policy),
    ("replay", Code::Replay),
    ("rpc", Code::Adapter),
    ("scope_forbidden", Code::Sec),
    ("too_many_requests", Code::Rate),
    ("ttl_expired", Code::Ttl),
    ("unauthorized", Code::Auth),
    ("waf_block", Code::Policy),
];

impl Code {
    /// The code a text names: a wire code, a word older programs use, an `error` word or a problem document's `code`.
    ///
    /// An `error` word that several codes share means the first of them, except `external_service_error`, which means
    /// that the adapter failed. `None` for anything else: the reader then goes by the error's `retryable` member.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let all = || Self::ALL.iter().copied();
        all()
            .find(|code| code.as_str() == text)
            .or_else(|| {
                WORDS
                    .iter()
                    .find(|(word, _)| *word == text)
                    .map(|&(_, code)| code)
            })
            .or_else(|| all().find(|code| code.row().error == text))
            .or_else(|| all().find(|code| code.row().slug == text))
    }
}

/// What may be assumed of an error of which only the code is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presumption {
    /// The stable text.
    pub message: &'static str,
    /// Whether a repeat can help.
    pub retry: Retry,
}

/// What may be assumed of an error that says no more than `code`. An unknown code is not retryable.
#[must_use]
pub fn presume(code: &str) -> Presumption {
    match Code::from_text(code).map(Code::row) {
        Some(row) => Presumption {
            message: row.message,
            retry: row.retry,
        },
        None => Presumption {
            message: "unknown error",
            retry: Retry::Never,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_code_is_read() {
        for &code in Code::ALL {
            assert_eq!(Code::from_text(code.as_str()), Some(code));
            assert_eq!(
                Code::from_text(code.row().slug).map(|c| c.row().error),
                Some(code.row().error)
            );
        }
        assert_eq!(Code::from_text("scope_forbidden"), Some(Code::Sec));
        assert_eq!(Code::from_text("permission_denied"), Some(Code::Sec));
        assert_eq!(Code::from_text("external_service_error"), Some(Code::Adapter));
        assert_eq!(Code::from_text("EWHAT"), None);
    }
}
