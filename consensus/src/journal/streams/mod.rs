//! Streams that outlive a node (atp.md 13.1, 13.4).
//!
//! A record is written by the stream's owner under its epoch, which the group grants as it opens the stream or has it taken over: the index of
//! that entry, so that no two tenures have the same and each is higher than those before. A write of another epoch is refused: an
//! earlier owner learns that it was followed.
//!
//! At the bounds: of streams beyond [`STREAMS_MAX`], or [`BYTES_MAX`] bytes of requests and finals, the one that ended longest ago makes
//! room; where none has ended, the new one is refused. A stream that nobody writes to is forgotten after `session_ttl_ms`. Of its
//! resume tokens the last two are good.

mod close_stream;
mod consume_token;
mod finish_stream;
mod open_stream;
mod record;
mod record_progress;
mod rotate_token;
mod table;
mod take_over;

pub use close_stream::CloseStream;
pub use consume_token::{ConsumeToken, ConsumeTokenReply};
pub use finish_stream::{FinishStream, FinishStreamReply};
pub use open_stream::{OpenStream, OpenStreamReply};
pub use record::{Lane, State, Stream, Token};
pub use record_progress::RecordProgress;
pub use rotate_token::RotateToken;
pub use table::Streams;
pub use take_over::{TakeOver, TakeOverReply};

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::TokenHash;
use serde::{Deserialize, Serialize};

use crate::group::MAX_COMMAND;

/// Streams of a group.
pub const STREAMS_MAX: usize = 100_000;

/// Bytes of their requests and finals.
pub const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of a request.
pub const REQUEST_MAX: usize = 256 * 1024;

/// Bytes of a final: what a command may have, but for the names around it.
pub const FINAL_MAX: usize = MAX_COMMAND - 4 * 1024;

/// Lanes of a stream.
pub const LANES_MAX: usize = 256;

/// Streams forgotten with one tick; the others go with the next.
const FORGOTTEN_PER_TICK: usize = 1_024;

/// A resume token that a client is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Its hash.
    pub hash: TokenHash,
    /// How long it is good for, in milliseconds.
    pub ttl_ms: u64,
}

/// What came of an owner's write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// It is as said.
    Written,
    /// The stream has another owner since. Drop the copy.
    Fenced {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// The stream was closed. Drop the copy.
    Closed,
    /// No such stream, or it was forgotten. Drop the copy.
    Unknown,
    /// More lanes than a stream may have ([`LANES_MAX`]).
    TooManyLanes,
}
