//! The dialled connections of one lane.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::Lane;
use tokio::sync::watch;

use super::connection::Connection;

/// Who is connected, and what keeps the others from it. Read on every call, changed seldom.
pub(super) struct Table {
    pub(super) lane: Lane,
    connections: ArcSwap<BTreeMap<NodeId, Arc<Connection>>>,
    troubles: Mutex<BTreeMap<NodeId, String>>,
    /// Closed with the table.
    held: watch::Sender<()>,
}

impl Table {
    pub(super) fn new(lane: Lane) -> Arc<Self> {
        Arc::new(Self {
            lane,
            connections: ArcSwap::default(),
            troubles: Mutex::default(),
            held: watch::Sender::default(),
        })
    }

    /// Ends when nobody holds the table any more.
    pub(super) fn dropped(&self) -> impl Future<Output = ()> + use<> {
        let mut held = self.held.subscribe();
        async move {
            // Nothing is ever sent: it changes by ending.
            let _ = held.changed().await;
        }
    }

    pub(super) fn get(&self, member: NodeId) -> Option<Arc<Connection>> {
        self.connections.load().get(&member).cloned()
    }

    pub(super) fn insert(&self, connection: &Arc<Connection>) {
        self.change(|all| {
            all.insert(connection.member, Arc::clone(connection));
        });
        self.troubles_of(|troubles| troubles.remove(&connection.member));
    }

    /// Says why a member is not connected; false if that was said before.
    pub(super) fn trouble(&self, member: NodeId, why: &str) -> bool {
        self.change(|all| {
            all.remove(&member);
        });
        self.troubles_of(|troubles| troubles.insert(member, why.to_owned()))
            .as_deref()
            != Some(why)
    }

    /// A member is none any more.
    pub(super) fn forget(&self, member: NodeId) {
        self.change(|all| {
            all.remove(&member);
        });
        self.troubles_of(|troubles| troubles.remove(&member));
    }

    pub(super) fn trouble_of(&self, member: NodeId) -> Option<String> {
        self.troubles_of(|troubles| troubles.get(&member).cloned())
    }

    fn change(&self, change: impl Fn(&mut BTreeMap<NodeId, Arc<Connection>>)) {
        self.connections.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            change(&mut all);
            all
        });
    }

    fn troubles_of<T>(&self, change: impl FnOnce(&mut BTreeMap<NodeId, String>) -> T) -> T {
        change(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
