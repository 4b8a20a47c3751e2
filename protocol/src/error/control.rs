//! `control.error` content (atp.md 15.1).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Fault, Scope};
use crate::units::Window;

/// Most indices a `missing` list may hold.
pub const MISSING_MAX: usize = 256;

/// What a `control.error` says. Codes are text: a peer may be newer than we are, and then `retryable` decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlError {
    /// Wire code.
    pub code: Cow<'static, str>,
    /// HTTP-facing word.
    #[serde(default)]
    pub error: Cow<'static, str>,
    /// The code's stable text.
    #[serde(default)]
    pub message: Cow<'static, str>,
    /// What is specific, at most 200 bytes.
    #[serde(default)]
    pub detail: String,
    /// Whether a repeat can help.
    #[serde(default)]
    pub retryable: bool,
    /// Wait before the repeat, in milliseconds; present if and only if `retryable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How much it ends.
    #[serde(default = "stream")]
    pub scope: Scope,
    /// The message it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_seq: Option<u64>,
    /// The fragment it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frag_seq: Option<u32>,
    /// Fragments wanted again, ascending, at most [`MISSING_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<u32>>,
    /// The current window, with `EWINDOW` and `EWINDOW_AGENT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Where the stream lives, with `EMOVED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Advice to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'static, str>>,
    /// Names the request in logs and traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// Another node to turn to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The node.
    pub router_id: String,
    /// Its public address.
    pub url: String,
}

const fn stream() -> Scope {
    Scope::Stream
}

impl Fault {
    /// The wire form of this error; the caller adds what it refers to.
    #[must_use]
    pub fn control_error(&self) -> ControlError {
        let row = self.row();
        let retry = self.retry();
        ControlError {
            code: self.code.as_str().into(),
            error: row.error.into(),
            message: row.message.into(),
            detail: self.public_detail().to_owned(),
            retryable: retry.is_retryable(),
            retry_after_ms: retry.after_ms(),
            scope: self.scope,
            msg_seq: None,
            frag_seq: None,
            missing: None,
            window: self.window,
            location: self.location.as_deref().cloned(),
            hint: Some(row.hint.into()),
            correlation_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn the_wait_is_present_exactly_when_retryable() {
        for &code in Code::ALL {
            let error = Fault::new(code, "x").control_error();
            assert_eq!(error.retryable, error.retry_after_ms.is_some(), "{code}");
        }
    }

    #[test]
    fn a_newer_peers_error_is_still_read() {
        let error: ControlError =
            serde_json::from_str(r#"{"code":"ENEW","retryable":true,"retry_after_ms":5,"scope":"lane"}"#)
                .unwrap();
        assert_eq!(
            (&*error.code, error.retryable, error.scope),
            ("ENEW", true, Scope::Lane)
        );
    }
}
