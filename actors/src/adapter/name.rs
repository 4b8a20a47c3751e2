//! Whose an adapter is, and what it is called there.

use atp_protocol::ids::{AdapterId, TenantId};

/// Names one adapter of the node. An id is unique among everybody's adapters and among those of one tenant; a tenant's own
/// never has the id of one of everybody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdapterName {
    /// The tenant it works for, and who alone knows of it; `None` is everybody.
    pub owner: Option<TenantId>,
    /// What it calls itself.
    pub id: AdapterId,
}

impl AdapterName {
    /// The name of an adapter that works for everybody.
    #[must_use]
    pub const fn everybodys(id: AdapterId) -> Self {
        Self { owner: None, id }
    }

    /// Whether `tenant` may know of it.
    #[must_use]
    pub fn is_known_to(&self, tenant: &TenantId) -> bool {
        self.owner.as_ref().is_none_or(|owner| owner == tenant)
    }
}
