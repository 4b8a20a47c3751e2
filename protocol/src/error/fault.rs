//! An error on its way to a caller.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, Location, Retry, Row};
use crate::units::Window;

/// Longest `detail` on any surface, in bytes.
pub const DETAIL_MAX: usize = 200;

/// How much an error ends, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The frame is discarded.
    Frame,
    /// The message is.
    Message,
    /// The lane ends.
    Lane,
    /// The stream ends.
    Stream,
    /// The session does.
    Session,
    /// The connection does.
    Connection,
}

impl Scope {
    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Message => "message",
            Self::Lane => "lane",
            Self::Stream => "stream",
            Self::Session => "session",
            Self::Connection => "connection",
        }
    }
}

/// An error a caller is told about: a code of the closed set and what is specific to this occurrence.
///
/// `detail` names the thing at fault and what to do next; it holds no secrets and no personal data. What of it leaves the
/// node is [`Fault::public_detail`]. Displayed as `<error>: <detail>`, or `<error>` without detail (atp.md 15.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Which error.
    pub code: Code,
    /// What it ends.
    pub scope: Scope,
    /// What is specific.
    pub detail: Cow<'static, str>,
    /// Overrides the code's default wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Overrides the code's default: a retry cannot or can help.
    pub retryable: Option<bool>,
    /// The work may have been done all the same, and billed: nobody knows. Stays inside the node.
    pub is_outcome_unknown: bool,
    /// The window that was too small, with `EWINDOW`.
    pub window: Option<Window>,
    /// Where to turn to, with `EMOVED`.
    pub location: Option<Box<Location>>,
    /// How it is told, in place of the code's row: several things go under one wire code, and the row speaks of the usual one.
    pub told: Option<&'static Row>,
}

/// What is told of a thing that is not there and is no model: of a model the code's own row speaks.
const NO_SUCH: Row = Row {
    error: "not_found",
    hint: "check the name, and that the key is of the tenant it belongs to",
    ..*Code::NotFound.row()
};

impl Fault {
    /// An error that ends the stream, with the code's defaults.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            scope: Scope::Stream,
            detail: detail.into(),
            retry_after_ms: None,
            retryable: None,
            is_outcome_unknown: false,
            window: None,
            location: None,
            told: None,
        }
    }

    /// `ENOTFOUND` of an account, a stream or another thing that is no model; `detail` says which and what to do.
    #[must_use]
    pub fn no_such(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotFound, detail).told(&NO_SUCH)
    }

    /// The same error, told in the words and with the status of `row`, which is one of the same code.
    #[must_use]
    pub const fn told(mut self, row: &'static Row) -> Self {
        self.told = Some(row);
        self
    }

    /// How this occurrence is told.
    #[must_use]
    pub const fn row(&self) -> &'static Row {
        match self.told {
            Some(row) => row,
            None => self.code.row(),
        }
    }

    /// The same error of something that may have been done all the same.
    #[must_use]
    pub const fn outcome_unknown(mut self) -> Self {
        self.is_outcome_unknown = true;
        self
    }

    /// The same error with another scope.
    #[must_use]
    pub fn scoped(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The same error, to be retried there.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(Box::new(location));
        self
    }

    /// The same error, to be retried after `ms`.
    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self.retryable = Some(true);
        self
    }

    /// The same error, not to be retried.
    #[must_use]
    pub fn terminal(mut self) -> Self {
        self.retryable = Some(false);
        self.retry_after_ms = None;
        self
    }

    /// What a caller is told for any error at all: a fault anywhere in its chain as it is, everything else as
    /// [`Code::Internal`] with the error's text, or only `correlation_id` where one is given because the text may not
    /// leave the node.
    #[must_use]
    pub fn marshal(error: &(dyn Error + 'static), correlation_id: Option<&str>) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return fault.clone();
            }
            cause = error.source();
        }
        let detail = correlation_id.map_or_else(|| error.to_string(), ToOwned::to_owned);
        Self::new(Code::Internal, cut(&detail).to_owned())
    }

    /// Whether and when a repeat may help, this occurrence's words before the code's.
    #[must_use]
    pub fn retry(&self) -> Retry {
        let default = self.code.row().retry;
        if !self.retryable.unwrap_or(default.is_retryable()) {
            return Retry::Never;
        }
        let ms = self.retry_after_ms.or(default.after_ms()).unwrap_or(0);
        match default {
            Retry::IfIdempotent(_) => Retry::IfIdempotent(ms),
            Retry::Never | Retry::After(_) => Retry::After(ms),
        }
    }

    /// The detail that may leave the node: at most [`DETAIL_MAX`] bytes, ending on a character boundary, and for refused
    /// credentials and permissions (401, 403) only the code's own text, so that nobody learns which check failed.
    #[must_use]
    pub fn public_detail(&self) -> &str {
        let row = self.row();
        match row.status {
            401 | 403 => row.message,
            _ => cut(&self.detail),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().error)?;
        if self.detail.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.detail)
    }
}

impl Error for Fault {}

/// The longest prefix of at most [`DETAIL_MAX`] bytes that ends on a character boundary.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(DETAIL_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_cut_between_characters() {
        let fault = Fault::new(Code::Proto, "é".repeat(101) + "x");
        assert_eq!(fault.public_detail(), "é".repeat(100));
        let odd = Fault::new(Code::Proto, "x".to_owned() + &"é".repeat(100));
        assert_eq!(odd.public_detail().len(), 199);
    }

    #[test]
    fn refusals_do_not_say_which_check_failed() {
        for code in [Code::Auth, Code::Sec, Code::Policy] {
            let fault = Fault::new(code, "key k1 expired");
            assert!(!fault.public_detail().contains("k1"));
        }
    }

    #[test]
    fn what_is_not_there_and_is_no_model_is_not_told_as_one() {
        let fault = Fault::no_such("no account acme");
        assert_eq!(fault.to_string(), "not_found: no account acme");
        assert_eq!(fault.control_error().error, "not_found");
        let problem = fault.problem("c-1");
        assert_eq!(
            (problem.status, &*problem.code, &*problem.error),
            (404, "not-found", "not_found")
        );
        assert!(!problem.hint.contains("models"), "{}", problem.hint);
        assert_eq!(fault.openai("c-1").error.extension.hint, problem.hint);
    }

    #[test]
    fn an_occurrence_overrides_the_default_wait() {
        assert_eq!(Fault::new(Code::Circuit, "").retry(), Retry::After(200));
        assert_eq!(
            Fault::new(Code::Circuit, "").retry_after(7).retry(),
            Retry::After(7)
        );
        assert_eq!(Fault::new(Code::Window, "").terminal().retry(), Retry::Never);
        assert_eq!(Fault::new(Code::Internal, "").retry(), Retry::IfIdempotent(500));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("while asking")]
    struct Wrapped(#[source] Fault);

    #[test]
    fn marshalling_finds_a_fault_inside_and_hides_what_it_does_not_know() {
        let inner = Fault::new(Code::Rate, "burst");
        assert_eq!(Fault::marshal(&Wrapped(inner.clone()), None), inner);
        let unknown = std::io::Error::other("disk on fire");
        assert_eq!(
            Fault::marshal(&unknown, None).to_string(),
            "internal_error: disk on fire"
        );
        assert_eq!(Fault::marshal(&unknown, Some("c-1")).detail, "c-1");
    }
}
