//! The link between members of a cluster, sans-IO (ADR 0010).
//!
//! 1. [`frame`] is what crosses the wire, [`codec`] its bytes; bodies are opaque to both.
//! 2. [`hello`] agrees on version, lane and who is meant, before anything else is said.
//! 3. [`limits`] bounds a connection by its lane; [`refusal`] is how one side says no.
//! 4. [`machine`] is one connection seen from one side: requests and streams in flight both ways, credit, deadlines, silence.
//!
//! Everything is bounded. A frame longer than [`FRAME_MAX`] or of another version ends the connection; a request or stream beyond
//! the limits is refused as overloaded and was not started; a stream without credit takes no more bytes.

pub mod codec;
pub mod frame;
pub mod hello;
pub mod lane;
pub mod limits;
pub mod machine;
pub mod refusal;

pub use codec::{FrameError, decode, encode};
pub use frame::{Correlation, Frame, Service};
pub use hello::Hello;
pub use lane::Lane;
pub use limits::Limits;
pub use machine::{Event, Machine, Side, Violation};
pub use refusal::{Code, Refusal};

/// The version of the framing that this code speaks.
pub const VERSION: u8 = 1;

/// Largest value of the length field, in bytes: a frame without that field.
pub const FRAME_MAX: usize = 4 * 1024 * 1024;

/// Largest body of a request, response or piece of a stream, in bytes.
pub const BODY_MAX: usize = FRAME_MAX - 64;
