//! What releases before clusters kept in a journal of their own, so that an upgrade loses nothing.

use std::collections::BTreeMap;
use std::path::Path;

use atp_consensus::meta::keys::{Key, MakeKey, MakeKeyReply};
use atp_protocol::encoding::{self, DecodeError};
use atp_protocol::error::{Code, Fault};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::Meta;
use crate::auth::{KeyRecord, MadeKey};
use crate::cluster::propose;
use crate::journal::{self, StoreError};

/// Its directory.
const NAME: &str = "meta";

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

/// What a node by itself kept, before it was a member of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    keys: BTreeMap<String, MadeKey>,
    policy: Option<String>,
}

impl Earlier {
    /// Reads what an earlier release left below `data_dir`; `None` if there is nothing, or it was taken over before.
    ///
    /// # Errors
    /// [`StoreError`] for damage.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>, StoreError> {
        if !data_dir.join(NAME).exists() {
            return Ok(None);
        }
        let mut earlier = Self::default();
        journal::open(data_dir, NAME, |bytes| {
            earlier.take(decode(bytes)?);
            Ok(())
        })?;
        Ok(Some(earlier))
    }

    fn take(&mut self, record: Record) {
        let made = match record {
            Record::Key(key) => timeless(key, false),
            Record::AgentKey(key) => timeless(key, true),
            Record::MadeKey(made) => made,
            Record::RevokedKey { id } => {
                self.keys.remove(&id);
                return;
            }
            Record::Policy { text } => {
                self.policy = Some(text);
                return;
            }
        };
        self.keys.insert(made.key.id.clone(), made);
    }
}

impl Meta {
    /// Has the cluster agree on what this node kept by itself, and puts that aside. Repeated after a crash in between.
    ///
    /// # Errors
    /// Those of the group.
    pub(crate) async fn take_over(&self, earlier: &Earlier, data_dir: &Path) -> Result<(), Fault> {
        for (id, made) in earlier.keys.clone() {
            let MadeKey {
                key,
                may_declare_agents,
                made_at,
            } = made;
            let key = Key {
                hash: key.hash,
                tenant: key.tenant,
                account: key.account,
                label: key.label,
                may_declare_agents,
                tier_max: key.tier_max,
                made_at,
            };
            let reply = propose(&self.cluster.meta, &MakeKey { id: id.clone(), key }).await?;
            if reply != MakeKeyReply::Made {
                warn!(key = id, ?reply, "a key of an earlier release is not taken over");
            }
        }
        if let Some(text) = earlier.policy.clone()
            && self.apply_policy(text).await.is_err()
        {
            warn!("the policy applied under an earlier release has errors and is not taken over");
        }
        let aside = data_dir.join(format!("{NAME}.taken-over"));
        std::fs::rename(data_dir.join(NAME), aside).map_err(|error| {
            let detail = format!("cannot put {NAME} aside: {error}");
            Fault::new(Code::Internal, detail)
        })
    }
}

/// A key of a release that kept no time.
const fn timeless(key: KeyRecord, may_declare_agents: bool) -> MadeKey {
    MadeKey {
        key,
        may_declare_agents,
        made_at: None,
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
    fn what_an_earlier_release_kept_is_read_as_it_left_it() {
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
        let gone = KeyRecord {
            id: "000000000000".to_owned(),
            ..key.clone()
        };
        let (mut journal, _) = journal::open(dir.path(), NAME, |_| Ok(())).unwrap();
        for record in [
            Record::Key(gone.clone()),
            Record::AgentKey(key.clone()),
            Record::Policy {
                text: "first".to_owned(),
            },
            Record::MadeKey(made.clone()),
            Record::RevokedKey { id: gone.id },
            Record::Policy {
                text: "second".to_owned(),
            },
        ] {
            let mut bytes = vec![FORMAT];
            encoding::encode_into(&record, &mut bytes).unwrap();
            journal.append([bytes.as_slice()]).unwrap();
        }
        drop(journal);
        let earlier = Earlier::read(dir.path()).unwrap().unwrap();
        assert_eq!(earlier.keys, BTreeMap::from([(key.id, made)]));
        assert_eq!(earlier.policy.as_deref(), Some("second"));
    }

    #[test]
    fn a_node_that_never_ran_an_earlier_release_has_nothing_to_take_over() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Earlier::read(dir.path()).unwrap().is_none());
        assert!(!dir.path().join(NAME).exists());
    }
}
