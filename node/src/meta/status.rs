//! Whether requests can be served.

/// What readiness looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The journals can be written.
    pub store: bool,
    /// The node was not removed from its cluster.
    pub member: bool,
    /// The node knows what its cluster agreed on before it started.
    pub caught_up: bool,
    /// Adapters that take work.
    pub routable_adapters: usize,
    /// New work is refused.
    pub draining: bool,
}

impl Status {
    /// Whether requests can be served.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.store && self.member && self.caught_up && self.routable_adapters > 0 && !self.draining
    }
}
