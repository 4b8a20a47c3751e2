//! What frames of the other side mean.

use bytes::Bytes;

use crate::link::{Correlation, Refusal, Service};

/// What the caller of [`Machine::receive`](super::Machine::receive) is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<C, H, S> {
    /// Nothing.
    None,
    /// Begin to work on a request, keep who does with [`serve`](super::Machine::serve), and end with
    /// [`answer`](super::Machine::answer).
    Asked {
        /// Its name.
        id: Correlation,
        /// Who is to answer.
        service: Service,
        /// What is left of its time, above 0.
        deadline_ms: u32,
        /// The question.
        body: Bytes,
    },
    /// Stop working: the answer is no longer wanted.
    Cancelled(H),
    /// Tell who waited.
    Answered(C, Result<Bytes, Refusal>),
    /// Take a stream: keep it with [`accept`](super::Machine::accept), after which [`reset`](super::Machine::reset) refuses it.
    Opened {
        /// Its name.
        id: Correlation,
        /// Who is to take it.
        service: Service,
        /// What it is about.
        body: Bytes,
    },
    /// Hand on the next piece, and report with [`consume`](super::Machine::consume) when it was read.
    Data(S, Bytes),
    /// Nothing more will come.
    Ended(S),
    /// Whoever waits to send may go on.
    Credited(S),
    /// The stream is over in both directions.
    Reset(S, Refusal),
    /// The answer to a ping.
    Pong {
        /// Its stamp.
        stamp: u64,
    },
    /// The other side takes nothing more.
    Left(Refusal),
}

/// The other side broke the rules. The connection is to be closed: what it means by what it says is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A second hello.
    #[error("a hello in the middle of a connection")]
    Hello,
    /// A request or stream under a name that is not the next of the other side.
    #[error("a request or stream under a name out of order")]
    Name,
    /// About a request or stream that never was.
    #[error("a frame about a request or stream that never was")]
    Unknown,
    /// More bytes than there was credit for.
    #[error("more bytes on a stream than there was credit for")]
    Credit,
    /// Bytes of a stream after its end.
    #[error("bytes of a stream after its end")]
    AfterEnd,
}
