//! What others read of a persona's record.

use atp_protocol::ids::AdapterId;

use crate::plan::Reputation;

/// A persona's standing at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// The figure that is exported and goes on the wire; `None` below ten samples.
    pub reputation: Option<Reputation>,
    /// What the router decides by, 0 to 1; `None` while its samples weigh less than ten.
    pub score: Option<f64>,
    /// The same for each adapter that carries the persona out, in order of name.
    pub by_adapter: Vec<(AdapterId, f64)>,
}

impl Standing {
    /// How the persona does with this adapter, else at large.
    #[must_use]
    pub fn with(&self, adapter: &AdapterId) -> Option<f64> {
        let own = self.by_adapter.binary_search_by(|(id, _)| id.cmp(adapter));
        own.map(|at| self.by_adapter[at].1).ok().or(self.score)
    }
}
