//! Lanes: connections of one pair of members that must not delay each other.

use std::fmt;

/// What a connection is for. Each lane of a pair of members is a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Raft, gossip, proposals: small and urgent.
    Control,
    /// Relayed work; a connection for each arbiter of the dialling node.
    Requests,
    /// Snapshots and backups: large and patient.
    Bulk,
}

impl Lane {
    /// All of them, most urgent first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Requests, Self::Bulk];

    /// The word for logs, labels and [`Self::alpn`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Requests => "requests",
            Self::Bulk => "bulk",
        }
    }

    /// What the dialling side asks for in its TLS hello, so that the other side can choose a thread before it reads on.
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Control => b"atp-link/control",
            Self::Requests => b"atp-link/requests",
            Self::Bulk => b"atp-link/bulk",
        }
    }

    /// The lane of an ALPN name, if it is one of ours.
    #[must_use]
    pub fn of_alpn(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.alpn() == name)
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Control => 1,
            Self::Requests => 2,
            Self::Bulk => 3,
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.number() == number)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
