//! Why a call or stream failed, named after what the caller does next.

use atp_protocol::link::{Code, Refusal};

/// Why a call or stream failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection to the member, or it is stopping. Certainly not started: try another member, or later.
    #[error("no link to the member")]
    Unreachable,
    /// The service, or the link for it, said no. What that means for work done is the service's word; for codes of the link nothing
    /// was started, except [`Code::TOO_LARGE`] for an answer.
    #[error("refused: {code}: {text}")]
    Refused {
        /// What to react to.
        code: Code,
        /// For people.
        text: String,
    },
    /// Too much is in flight. Certainly not started: shed, or try later.
    #[error("too much in flight on the link to the member")]
    Overloaded,
    /// The time given is over. The outcome is unknown unless the caller knows better.
    #[error("no answer within the deadline")]
    DeadlineExceeded,
    /// The other side gave the work up.
    #[error("the member gave it up")]
    Cancelled,
    /// The connection broke, or the work ended without an answer. The outcome is unknown: repeat only what may be repeated.
    #[error("the link to the member was lost; the outcome is unknown")]
    Lost,
}

impl From<Refusal> for LinkError {
    fn from(refusal: Refusal) -> Self {
        match refusal.code {
            Code::OVERLOADED => Self::Overloaded,
            Code::EXPIRED => Self::DeadlineExceeded,
            Code::STOPPING => Self::Unreachable,
            Code::CANCELLED => Self::Cancelled,
            Code::LOST => Self::Lost,
            code => Self::Refused {
                code,
                text: refusal.text,
            },
        }
    }
}
