//! Coming back: resume tokens and idempotent repeats (atp.md section 13).
//!
//! The messages a resume sends again are kept in [`SendBuffer`](crate::ack::SendBuffer). Both tables are values with a
//! bound; where they are shared by a cluster, they are applied in its order.

mod idempotency;
mod token;

pub use idempotency::{
    Begin, Bounds, Claim, Entry, IdempotencyKey, IdempotencyTable, Place, RequestHash, State, request_hash,
};
pub use token::{Binding, Refusal, ResumeToken, TOKEN_BYTES, TokenHash, TokenTable, reissue_at};
