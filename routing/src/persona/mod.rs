//! What is thought of a persona, from how the lanes that carried it out turned out (atp.md section 20, routing.md section 17).
//!
//! [`Judged`] is one lane's outcome in figures, [`Record`] remembers them and yields a [`Standing`]: the figure that is
//! exported and goes on the wire ([`reputation`](crate::plan::reputation())), and the one the router itself decides by, for
//! the persona as a whole and for each adapter that carries it out.
//!
//! Bounds: the last 256 lanes of a persona, of any age below thirty days; standings of at most 32 adapters, those first in
//! order of name.

mod judged;
mod record;
mod standing;

pub use judged::{Ending, Judged};
pub use record::Record;
pub use standing::Standing;
