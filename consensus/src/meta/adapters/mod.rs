//! Adapters and where they are attached: what one member has, others can call there.
//!
//! One adapter may be attached to several members, each of which keeps rows of its own.
//!
//! At the bounds: [`ADAPTERS_MAX`] adapters of at most [`SPEC_MAX`] bytes each and [`SPECS_MAX`] together; one more is refused.

mod put_adapter;
mod remove_adapter;

pub use put_adapter::{PutAdapter, PutAdapterReply};
pub use remove_adapter::{RemoveAdapter, RemoveAdapterReply};

use std::collections::BTreeMap;

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{AdapterId, TenantId};
use serde::{Deserialize, Serialize};

/// Adapters; one more is refused.
pub const ADAPTERS_MAX: usize = 10_000;

/// Bytes of what an adapter says of itself.
pub const SPEC_MAX: usize = 64 * 1024;

/// Bytes of what all adapters say of themselves.
pub const SPECS_MAX: usize = 64 * 1024 * 1024;

/// Names an adapter at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// What it calls itself.
    pub id: AdapterId,
    /// The tenant it works for; `None` is everybody.
    pub owner: Option<TenantId>,
    /// The member it is attached to; `None` if every member can reach it.
    pub node: Option<NodeId>,
}

/// An adapter as it is known to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Which of its registrations this is: a later one has a higher number.
    pub incarnation: u64,
    /// What it says of itself; nodes read it, the group does not.
    #[serde(with = "serde_bytes")]
    pub spec: Vec<u8>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adapters {
    pub(super) adapters: BTreeMap<Name, Adapter>,
    /// Bytes of all specs.
    bytes: usize,
}

impl Adapters {
    /// One adapter.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Adapter> {
        self.adapters.get(name)
    }

    /// All adapters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Adapter)> {
        self.adapters.iter()
    }

    pub(super) fn has_any_at(&self, node: NodeId) -> bool {
        self.adapters.keys().any(|name| name.node == Some(node))
    }

    /// Forgets the adapters attached to a member.
    pub(super) fn detach(&mut self, node: NodeId) {
        self.keep(|name| name.node != Some(node));
    }

    /// Forgets the adapters attached to any member.
    pub(super) fn detach_all(&mut self) {
        self.keep(|name| name.node.is_none());
    }

    fn keep(&mut self, is_kept: impl Fn(&Name) -> bool) {
        self.adapters.retain(|name, _| is_kept(name));
        self.bytes = self.adapters.values().map(|adapter| adapter.spec.len()).sum();
    }

    pub(super) fn insert(&mut self, name: Name, adapter: Adapter) {
        self.bytes += adapter.spec.len();
        if let Some(before) = self.adapters.insert(name, adapter) {
            self.bytes -= before.spec.len();
        }
    }

    fn remove(&mut self, name: &Name) {
        if let Some(adapter) = self.adapters.remove(name) {
            self.bytes -= adapter.spec.len();
        }
    }

    fn has_room_for(&self, name: &Name, spec: usize) -> bool {
        let before = self.get(name).map(|adapter| adapter.spec.len());
        let is_few = before.is_some() || self.adapters.len() < ADAPTERS_MAX;
        is_few && self.bytes - before.unwrap_or(0) + spec <= SPECS_MAX
    }
}
