//! Personas: who is known, how each does, and the actor that decides it.
//!
//! The registry says who there is ([`Roster::assign`]), each arbiter keeps the actors of its share ([`keep`]), sessions tell
//! them how lanes ended ([`Member::tell`]), and scoring reads what they publish ([`Member::standing`]) without asking anybody.
//!
//! At the bounds: personas beyond [`PERSONAS_MAX`], by name, have no reputation, which neither helps nor harms; a full
//! mailbox loses an outcome; the first [`EXPORTED_MAX`] of everybody's are exported as metrics.

mod actor;
mod keep;
mod roster;

pub use keep::keep;
pub(crate) use roster::{Attendance, Posts};
pub use roster::{EXPORTED_MAX, Member, PERSONAS_MAX, PersonaName, Roster};
