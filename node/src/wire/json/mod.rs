//! Edits to received JSON that leave every byte they are not about as it was.
//!
//! A provider may know members, number literals and an order that we do not; re-serialising would lose them. So the
//! text is scanned for the spans of one object's members ([`Object`]) and spliced ([`Patch`]).

mod object;
mod patch;

pub use object::{Malformed, Object};
pub use patch::Patch;
