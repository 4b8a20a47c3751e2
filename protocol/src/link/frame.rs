//! Frames as values.

use std::fmt;

use bytes::Bytes;

use super::{Hello, Refusal};

/// What a request, a stream or a ping is called on its connection: odd if the dialling side named it, even if the other did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Correlation(pub u64);

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who answers a request, by number. A change of what its bodies mean is another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(pub u16);

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One frame. `B` holds bodies: [`Bytes`] when read, anything that can be borrowed as bytes when written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<B = Bytes> {
    /// What the connection is for; first from each side.
    Hello(Hello),
    /// Asks for an answer.
    Request {
        /// Its name.
        id: Correlation,
        /// Who is to answer.
        service: Service,
        /// Milliseconds that are left; 0 is over.
        deadline_ms: u32,
        /// The question.
        body: B,
    },
    /// Answers a request.
    Response {
        /// Of which.
        id: Correlation,
        /// The answer.
        body: B,
    },
    /// Does not answer a request.
    Refusal {
        /// Which.
        id: Correlation,
        /// Why.
        refusal: Refusal,
    },
    /// The answer to a request is no longer wanted.
    Cancel {
        /// Which.
        id: Correlation,
    },
    /// Begins a stream in both directions, each with the credit of the other's hello.
    Open {
        /// Its name.
        id: Correlation,
        /// Who is to take it.
        service: Service,
        /// What it is about; counts against no credit.
        body: B,
    },
    /// The next bytes of a stream.
    Data {
        /// Of which.
        id: Correlation,
        /// They.
        body: B,
    },
    /// The sender has said all it has to say on a stream, and still listens.
    End {
        /// Which.
        id: Correlation,
    },
    /// Ends a stream in both directions at once; what is under way is lost.
    Reset {
        /// Which.
        id: Correlation,
        /// Why.
        refusal: Refusal,
    },
    /// Room for more bytes of a stream.
    Credit {
        /// Of which.
        id: Correlation,
        /// How many more than before.
        bytes: u32,
    },
    /// Asks for a sign of life.
    Ping {
        /// Anything; the answer brings it back.
        stamp: u64,
    },
    /// A sign of life.
    Pong {
        /// That of the ping.
        stamp: u64,
    },
    /// The sender takes nothing new on this connection, and why. What runs goes on.
    Goodbye {
        /// Why.
        refusal: Refusal,
    },
}
