//! Decision records in the order of the log, each bound to the one before it (governance.md 6.1).
//!
//! A tenant has a chain in each group. A link is computed when a record is applied, so every member computes the same head:
//! `SHA-256("atp.decision.v1\n", previous hash, number u64, time in microseconds u64, length of the tenant's name u32, the name,
//! record)`, integers little-endian, the first of a chain after 32 zero bytes. The record is bytes to the group.
//!
//! At the bounds: a record over [`RECORD_MAX`], more than [`RECORDS_PER_COMMAND`] at once, or a chain beyond [`CHAINS_MAX`] is refused. The last
//! [`KEPT_MAX`] records, of at most [`KEPT_BYTES_MAX`] bytes, are kept; the head of a chain is kept for ever.

mod append_decisions;
mod verify;

pub use append_decisions::{AppendDecisions, AppendDecisionsReply};
pub use verify::{Flaw, Verdict, verify};

use std::collections::{BTreeMap, VecDeque};

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::TenantId;
use ring::digest::{Context as Digest, SHA256};
use serde::{Deserialize, Serialize};

/// Bytes of a record.
pub const RECORD_MAX: usize = 64 * 1024;

/// Records appended with one command.
pub const RECORDS_PER_COMMAND: usize = 256;

/// Chains of a group.
pub const CHAINS_MAX: usize = 65_536;

/// Records kept.
pub const KEPT_MAX: usize = 4_096;

/// Bytes of records kept.
pub const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Hash of a record and of all before it in its chain.
pub type Link = [u8; 32];

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain {
    /// Number of the next record; the first has 0.
    pub next: u64,
    /// Link of the last record; zeros before the first.
    pub head: Link,
}

/// A record in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whose chain it is in.
    pub tenant: TenantId,
    /// Its number there.
    pub number: u64,
    /// When it was applied, in microseconds of Unix time.
    pub at_us: u64,
    /// Link of the record before.
    pub previous: Link,
    /// Its own.
    pub link: Link,
    /// The record.
    #[serde(with = "serde_bytes")]
    pub record: Vec<u8>,
}

impl Decision {
    fn new(tenant: &TenantId, chain: Chain, at_us: u64, record: Vec<u8>) -> Self {
        let mut decision = Self {
            tenant: tenant.clone(),
            number: chain.next,
            at_us,
            previous: chain.head,
            link: Link::default(),
            record,
        };
        decision.link = decision.compute();
        decision
    }

    /// What its link must be.
    #[must_use]
    pub fn compute(&self) -> Link {
        let name = self.tenant.as_str();
        let mut digest = Digest::new(&SHA256);
        digest.update(b"atp.decision.v1\n");
        digest.update(&self.previous);
        digest.update(&self.number.to_le_bytes());
        digest.update(&self.at_us.to_le_bytes());
        digest.update(&u32::try_from(name.len()).expect("names are short").to_le_bytes());
        digest.update(name.as_bytes());
        digest.update(&self.record);
        let mut link = Link::default();
        link.copy_from_slice(digest.finish().as_ref());
        link
    }
}

/// What was taken of a member's records, so that none is taken twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Writer {
    /// Which life of the member.
    incarnation: u64,
    /// Number of the last command taken.
    number: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    pub(super) chains: BTreeMap<TenantId, Chain>,
    kept: VecDeque<Decision>,
    bytes: usize,
    pub(super) writers: BTreeMap<NodeId, Writer>,
}

impl Decisions {
    /// Where a tenant's chain stands.
    #[must_use]
    pub fn chain(&self, tenant: &TenantId) -> Chain {
        self.chains.get(tenant).copied().unwrap_or_default()
    }

    /// Where every chain stands.
    pub fn chains(&self) -> impl Iterator<Item = (&TenantId, &Chain)> {
        self.chains.iter()
    }

    /// Which life of a member wrote last.
    #[must_use]
    pub fn incarnation(&self, node: NodeId) -> Option<u64> {
        self.writers.get(&node).map(|writer| writer.incarnation)
    }

    /// The records that are kept, the oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Decision> {
        self.kept.iter()
    }

    pub(super) fn keep(&mut self, decision: Decision) {
        self.bytes += decision.record.len();
        self.kept.push_back(decision);
        while self.kept.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let oldest = self.kept.pop_front().expect("there is one, as there is too much");
            self.bytes -= oldest.record.len();
        }
    }
}
