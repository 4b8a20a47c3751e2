//! How far a state is: what a snapshot says besides the state itself.

use serde::{Deserialize, Serialize};

use crate::types::{LogId, SnapshotMeta, StoredMembership};
use crate::version::Agreed;
use crate::wire::{self, FormError, LogIdForm, StoredMembershipForm};

/// Where in its log a state is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last entry applied.
    pub(crate) applied: Option<LogId>,
    /// The last membership applied.
    pub(crate) membership: StoredMembership,
    /// The group's clock, in microseconds of Unix time.
    pub(crate) clock_us: u64,
}

/// What the metadata of a snapshot holds. The version comes first and stays there: a release that does not read the rest tells by it which one does.
#[derive(Serialize, Deserialize)]
struct PositionForm {
    version: u16,
    release: String,
    applied: Option<LogIdForm>,
    membership: StoredMembershipForm,
    clock_us: u64,
}

impl Position {
    pub(crate) fn index(&self) -> u64 {
        self.applied.map_or(0, |id| id.index)
    }

    /// Written at a version of the cluster.
    pub(crate) fn encode(&self, at: Agreed) -> Vec<u8> {
        wire::encode(&PositionForm {
            version: at.version,
            release: at.release,
            applied: self.applied.map(Into::into),
            membership: (&self.membership).into(),
            clock_us: self.clock_us,
        })
    }

    /// And the version at which it was written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, Agreed), FormError> {
        let form: PositionForm = wire::decode(bytes)?;
        let position = Self {
            applied: form.applied.map(Into::into),
            membership: form.membership.into(),
            clock_us: form.clock_us,
        };
        let agreed = Agreed {
            version: form.version,
            release: form.release,
        };
        Ok((position, agreed))
    }

    /// What openraft is told of a snapshot at this position. Equal positions are equal states, whoever saved them.
    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
            snapshot_id: self.applied.map_or_else(|| "0".to_owned(), |id| id.to_string()),
        }
    }
}
