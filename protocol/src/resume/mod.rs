//! Coming back: resume tokens, what a resume says, and idempotent repeats (atp.md section 13).
//!
//! The messages a resume sends again are kept in [`SendBuffer`](crate::ack::SendBuffer). Both tables are values with a
//! bound; where they are shared by a cluster, they are applied in its order.

mod content;
mod idempotency;
mod token;

pub use content::{LaneCum, ResumeAck, ResumeRequest};
pub use idempotency::{Begin, IdempotencyKey, IdempotencyTable, Place, RequestHash};
pub use token::{Binding, Refusal, ResumeToken, TOKEN_BYTES, TokenHash, TokenTable, reissue_at};
