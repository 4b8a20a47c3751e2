//! The journal of changes.

use std::path::Path;

use atp_protocol::encoding::{self, DecodeError};
use atp_protocol::error::{Code, Fault};
use atp_storage::journal::Journal;
use serde::{Deserialize, Serialize};

use crate::auth::KeyRecord;
use crate::journal::{self, StoreError};

/// Version of the encoding, its first byte.
const FORMAT: u8 = 1;

/// One change. A disk format: variants and fields are appended, never reordered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Record {
    /// A key was made.
    Key(KeyRecord),
    /// A policy document was applied.
    Policy {
        /// The document.
        text: String,
    },
    /// A key was made whose holder may dial in as an agent.
    AgentKey(KeyRecord),
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
    use atp_protocol::units::Tier;

    use super::*;

    #[test]
    fn keys_of_both_kinds_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyRecord {
            id: "0123456789ab".to_owned(),
            hash: [7; 32],
            tenant: TenantId::new("acme").unwrap(),
            account: AccountId::new("acme/dev").unwrap(),
            label: String::new(),
            tier_max: Tier::Gold,
        };
        let (mut log, _) = Log::open(dir.path()).unwrap();
        log.append(&Record::Key(key.clone())).unwrap();
        log.append(&Record::AgentKey(key.clone())).unwrap();
        drop(log);
        let (_, records) = Log::open(dir.path()).unwrap();
        assert!(
            matches!(&records[..], [Record::Key(a), Record::AgentKey(b)] if *a == key && *b == key),
            "{records:?}"
        );
    }
}
