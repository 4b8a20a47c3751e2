//! Streams that outlive the connections they are read over (atp.md sections 13 and 25): opened by one, fed by others, read by any
//! number of further ones, over plain HTTP or a WebSocket.
//!
//! [`Streams`] lists those of a node; [`KeptStream`](stream::KeptStream) is the actor of one. It drives the same
//! [`connection::Connection`](atp_protocol::connection::Connection) as a WebSocket does, as a connection that carries one
//! stream, and what that transmits it keeps, whole, in a [`History`](crate::history::History) for readers that come and go.
//!
//! Receives  frames, questions and cancellations of requests and connections; `Admitted` and `Happened` of its session; its tick
//! Sends     requests to its router; `ToHolder` to the WebSocket that holds it
//! When full as many streams as [`StreamSettings`] allows, a quarter of them of one tenant: the one that ended first, of that
//!           tenant or of all, gives way, and where none has, a new one is refused with `EWINDOW`. As many bytes as it allows: what was read gives way, which those who come back learn as a
//!           gap; what nobody read makes its session wait, which then takes its reader for gone. [`READERS_MAX`] readers a
//!           stream: another is refused with `EWINDOW`
//! Ends      `ttl_ms` after its last word, [`PARTED_MS`] after it where its client has said that it has that; `ttl_ms` after the
//!           WebSocket that held it went and nobody came back; [`WAIT_MS`] after it was opened where nobody sent a request

mod asked;
mod durable;
mod event;
mod heir;
mod messages;
mod post;
mod questions;
mod recall;
mod records;
mod reserved;
mod resume;
mod stream;
mod table;
mod told;
mod view;

pub use event::Event;
pub use heir::{Adopted, adopt};
pub use messages::{
    Admission, Around, Cancel, Forget, Head, Look, NewToken, Post, Posted, Resume, Resumed, Take, ToHolder,
};
pub use recall::recall;
pub use records::Records;
pub(crate) use records::{insist, write};
pub use resume::Positions;
pub use stream::Opening;
pub use table::{Listed, Streams};
pub use view::{StreamState, state_name};

/// How long whoever asks for a stream waits for it to be taken over from an owner that was lost, in milliseconds.
pub const TAKEN_OVER_MS: u64 = 5_000;

/// Readers of a stream at once.
pub const READERS_MAX: usize = 16;

/// How long a stream waits for its first request, in milliseconds.
pub const WAIT_MS: u64 = 30_000;

/// How long a stream is remembered that both sides have finished, in milliseconds.
pub const PARTED_MS: u64 = 60_000;

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// How long a stream waits for a client that comes back, and its tokens are good, in milliseconds (`resume_ttl_ms`).
    pub ttl_ms: u64,
    /// Bytes kept of a stream (`resume_buffer_bytes`).
    pub buffer_bytes: usize,
    /// Streams, ended ones included.
    pub streams_max: usize,
}
