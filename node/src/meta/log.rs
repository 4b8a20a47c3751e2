//! The journal of changes.

use std::path::Path;

use atp_protocol::encoding::{self, DecodeError};
use atp_protocol::error::{Code, Fault};
use atp_storage::journal::Journal;
use serde::{Deserialize, Serialize};

use crate::auth::{KeyRecord, MadeKey};
use crate::journal::{self, StoreError};

/// Version of the encoding, its first byte.
const FORMAT: u8 = 1;

/// One change. A disk format: variants and fields are appended, never reordered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Record {
    /// A key was made, by a release that kept no time of it.
    Key(KeyRecord),
    /// A policy document was applied.
    Policy {
        /// The document.
        text: String,
    },
    /// The same, and its holder may dial in as an agent.
    AgentKey(KeyRecord),
    /// A key was made.
    MadeKey(MadeKey),
    /// A key is good no more.
    RevokedKey {
        /// Its id.
        id: String,
    },
}

#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("record of format {0}, this release reads {FORMAT}; start a release that knows it")]
    Format(u8),
    #[error("empty record")]
    Empty,
    #[error("malformed record")]
    Malformed(#[from] DecodeError),
}

pub(super) struct Log(Journal);

impl Log {
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Vec<Record>), StoreError> {
        let mut records = Vec::new();
        let (journal, _) = journal::open(data_dir, "meta", |bytes| {
            records.push(decode(bytes)?);
            Ok(())
        })?;
        Ok((Self(journal), records))
    }

    /// Writes a change and makes it survive a power failure: changes are few and each is told to somebody.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), Fault> {
        let mut bytes = vec![FORMAT];
        encoding::encode_into(record, &mut bytes)
            .map_err(|_| Fault::new(Code::TooBig, "the change is too large to be kept"))?;
        self.0
            .append([bytes.as_slice()])
            .and_then(|()| self.0.sync())
            .map_err(|error| {
                Fault::new(Code::Internal, format!("the change cannot be kept: {error}")).terminal()
            })
    }
}

fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Empty),
        Some((&FORMAT, rest)) => Ok(encoding::decode(rest)?),
        Some((&found, _)) => Err(RecordError::Format(found)),
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::{AccountId, TenantId};
    use atp_protocol::units::{Tier, UnixMillis};

    use super::*;

    #[test]
    fn changes_are_read_back_in_order_those_of_earlier_releases_among_them() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyRecord {
            id: "0123456789ab".to_owned(),
            hash: [7; 32],
            tenant: TenantId::new("acme").unwrap(),
            account: AccountId::new("acme/dev").unwrap(),
            label: String::new(),
            tier_max: Tier::Gold,
        };
        let made = MadeKey {
            key: key.clone(),
            may_declare_agents: true,
            made_at: Some(UnixMillis(7)),
        };
        let (mut log, _) = Log::open(dir.path()).unwrap();
        log.append(&Record::Key(key.clone())).unwrap();
        log.append(&Record::AgentKey(key.clone())).unwrap();
        log.append(&Record::MadeKey(made.clone())).unwrap();
        log.append(&Record::RevokedKey { id: key.id.clone() }).unwrap();
        drop(log);
        let (_, records) = Log::open(dir.path()).unwrap();
        assert!(
            matches!(
                &records[..],
                [Record::Key(a), Record::AgentKey(b), Record::MadeKey(c), Record::RevokedKey { id }]
                    if *a == key && *b == key && *c == made && *id == key.id
            ),
            "{records:?}"
        );
    }
}
