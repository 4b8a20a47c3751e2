//! Anthropic Messages.
//!
//! Canonical content has the OpenAI shapes, so the two directions of translation live here: `request` and `part` turn
//! blocks into parts and tool messages, `body` and `block` turn them back. Blocks that neither side knows stay as they
//! are. Thinking blocks exist only in the client's own body, as no other protocol can carry their signatures.

mod answer;
mod block;
mod body;
mod edit;
mod error;
mod part;
mod request;
mod stream;
mod tools;
mod words;

pub use answer::answer;
pub use body::body;
pub use edit::edit;
pub use error::{error, error_event};
pub use request::parse_messages;
pub use stream::Stream;
pub use words::{finish_reason, stop_reason};
