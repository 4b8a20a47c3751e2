//! Why bytes are not a value.

use crate::error::{Code, Fault, Scope};

/// The first rule that input breaks (atp.md 3.1, 4.1, 5.2). All of them are `EPROTO` for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON or not CBOR at all.
    #[error("{what} at byte {at}")]
    Syntax {
        /// What is wrong.
        what: String,
        /// Where, counted from the start of the message.
        at: usize,
    },
    /// The value ends before the input does.
    #[error("bytes after the end of the value at byte {at}; send one value at a time")]
    Trailing {
        /// Where the value ended.
        at: usize,
    },
    /// Nested deeper than allowed.
    #[error("nested deeper than {limit}; flatten it")]
    Depth {
        /// [`Limits::depth`](crate::limits::Limits::depth).
        limit: usize,
    },
    /// More values than allowed.
    #[error("more than {limit} values; split the message")]
    Nodes {
        /// [`Limits::nodes`](crate::limits::Limits::nodes).
        limit: usize,
    },
    /// One object names a member twice.
    #[error("member {name:?} appears twice; send it once")]
    Duplicate {
        /// The name, cut to 64 characters.
        name: String,
    },
    /// An integer outside -2^63 to 2^64 - 1, or a number too large for a binary64.
    #[error("number out of range at byte {at}; send it as text")]
    Number {
        /// Where it starts.
        at: usize,
    },
    /// A byte string where the form has none.
    #[error("byte strings have no JSON form; use an ATPC envelope")]
    Bytes,
}

impl From<Malformed> for Fault {
    /// `EPROTO` of the whole connection: what cannot be read names no stream (atp.md section 2, "parse failures").
    fn from(malformed: Malformed) -> Self {
        Self::new(Code::Proto, malformed.to_string()).scoped(Scope::Connection)
    }
}
