//! What else is to happen when the meta group changes.

/// Hints to look at a section again: whoever missed one finds the section's generation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Members, their state or the cluster's version changed.
    MembersChanged,
    /// Who should lead which group changed.
    PlacementChanged,
    /// A policy document came into force.
    PolicyApplied {
        /// Its version.
        version: u64,
    },
    /// Adapters changed.
    AdaptersChanged,
    /// Accounts or their limits changed.
    AccountsChanged,
    /// Keys changed.
    KeysChanged,
    /// A key was revoked: what is open under it is to be closed.
    KeyRevoked {
        /// Names the key.
        id: String,
    },
    /// Settings changed.
    SettingsChanged,
}
