//! Whether requests can be served.

/// What readiness looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The journals can be written.
    pub store: bool,
    /// Adapters that take work.
    pub routable_adapters: usize,
    /// New work is refused.
    pub draining: bool,
}
