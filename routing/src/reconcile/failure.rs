//! Why lanes could not be reconciled.

/// What a strategy lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unreconciled {
    /// No lane has an answer.
    #[error("no lane has an answer")]
    NoAnswer,
    /// Fewer FINALIZED lanes than a quorum.
    #[error("fewer lanes ended than a quorum needs")]
    NoQuorum,
    /// No group of like answers holds more than half of the weight.
    #[error("no group of like answers holds a majority")]
    NoMajority,
    /// No proposal is enough like the others.
    #[error("no proposal is enough like the others")]
    NoProposal,
    /// A critical action without a second agent's approval.
    #[error("a critical action lacks the approval of a second agent")]
    NoAck,
    /// Results diverge; an arbiter must decide.
    #[error("results diverge and no arbiter decided")]
    Divergent,
}
