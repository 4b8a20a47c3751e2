//! Whether an arbiter's queues are slow, as its connections see it (atp.md 16.5).

use std::cell::Cell;

use atp_protocol::units::Tier;

/// One tier's wait to suggest while it is slow, in milliseconds. Shared on one arbiter; its scheduler alone decides.
#[derive(Debug, Default)]
pub(crate) struct Congestion([Cell<Option<u64>>; 3]);

impl Congestion {
    /// How long clients of a tier should wait before more work, while its queue is slow.
    pub(crate) fn suggested_wait_ms(&self, tier: Tier) -> Option<u64> {
        self.0[tier.index()].get()
    }

    /// Whether any tier's queue is slow.
    pub(super) fn is_any_slow(&self) -> bool {
        self.0.iter().any(|tier| tier.get().is_some())
    }

    pub(super) fn set(&self, tier: Tier, suggested_wait_ms: Option<u64>) {
        self.0[tier.index()].set(suggested_wait_ms);
    }
}
