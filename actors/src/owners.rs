//! Who owns which session at the moment, as this node knows it (docs/adr/0013).

use atp_consensus::placement::group_of;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::ids::{SessionId, StreamId, TenantId};
use tokio::sync::watch;

use crate::environment::World;

/// Draws of an id before one is taken whose owner is another node: with one of eight groups at home, one in five thousand.
const DRAWS_MAX: usize = 64;

/// The leaders of the journal groups.
#[derive(Debug)]
pub struct Owners {
    this: NodeId,
    /// By journal group; `None` while an election runs.
    leaders: watch::Sender<Vec<Option<NodeId>>>,
}

/// Where something belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Here.
    Here,
    /// At another node.
    At(NodeId),
    /// Nobody leads its group at the moment.
    Nobody,
}

impl Owners {
    /// The owners of a cluster with so many journal groups; nobody leads any yet.
    #[must_use]
    pub fn new(this: NodeId, journals: u16) -> Self {
        Self {
            this,
            leaders: watch::Sender::new(vec![None; usize::from(journals.max(1))]),
        }
    }

    /// This node.
    #[must_use]
    pub const fn this(&self) -> NodeId {
        self.this
    }

    /// How many journal groups there are.
    #[must_use]
    pub fn journals(&self) -> u16 {
        u16::try_from(self.leaders.borrow().len()).expect("made of a u16")
    }

    /// A group has another leader, or none.
    pub fn set(&self, group: GroupId, leader: Option<NodeId>) {
        self.leaders.send_if_modified(|leaders| {
            let place = usize::from(group.0)
                .checked_sub(1)
                .and_then(|at| leaders.get_mut(at));
            place.is_some_and(|place| std::mem::replace(place, leader) != leader)
        });
    }

    /// The group of a session or stream of a tenant.
    #[must_use]
    pub fn group(&self, tenant: &TenantId, id: &str) -> GroupId {
        group_of(tenant.as_str(), id, self.journals())
    }

    /// Who leads a journal group.
    #[must_use]
    pub fn of_group(&self, group: GroupId) -> Owner {
        let leaders = self.leaders.borrow();
        let leader = usize::from(group.0)
            .checked_sub(1)
            .and_then(|at| leaders.get(at).copied());
        match leader.flatten() {
            Some(node) if node == self.this => Owner::Here,
            Some(node) => Owner::At(node),
            None => Owner::Nobody,
        }
    }

    /// Who owns a session or stream of a tenant.
    #[must_use]
    pub fn of(&self, tenant: &TenantId, id: &str) -> Owner {
        self.of_group(self.group(tenant, id))
    }

    /// Somebody else who leads a group, and so is a member that works; nobody where there is none.
    #[must_use]
    pub fn another(&self) -> Owner {
        let leaders = self.leaders.borrow();
        let mut others = leaders.iter().flatten().filter(|leader| **leader != self.this);
        others.next().map_or(Owner::Nobody, |node| Owner::At(*node))
    }

    /// Whether every group is led here, as in a cluster of one.
    #[must_use]
    pub fn all_here(&self) -> bool {
        let leaders = self.leaders.borrow();
        leaders.iter().all(|leader| *leader == Some(self.this))
    }

    /// Changes whenever a leader does.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Vec<Option<NodeId>>> {
        self.leaders.subscribe()
    }

    /// Names a session that belongs here, unless this node leads too little to find one.
    ///
    /// # Panics
    /// Never: a minted id is valid.
    #[must_use]
    pub fn mint_session(&self, world: &World, tenant: &TenantId) -> SessionId {
        let id = draw(world, "s_", |id| self.of(tenant, id) == Owner::Here);
        SessionId::new(&id).expect("a minted id is valid")
    }

    /// Names a stream that belongs where its session does.
    ///
    /// # Panics
    /// Never: a minted id is valid.
    #[must_use]
    pub fn mint_stream(&self, world: &World, tenant: &TenantId, session: &SessionId) -> StreamId {
        let group = self.group(tenant, session.as_str());
        let id = draw(world, "str_", |id| self.group(tenant, id) == group);
        StreamId::new(&id).expect("a minted id is valid")
    }
}

fn draw(world: &World, prefix: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut id = world.mint(prefix);
    for _ in 1..DRAWS_MAX {
        if fits(&id) {
            break;
        }
        id = world.mint(prefix);
    }
    id
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::environment::Random;

    /// Each byte one more than the one before.
    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    #[test]
    fn an_id_belongs_to_whoever_leads_its_group() {
        let owners = Owners::new(node(1), 8);
        let tenant = TenantId::new("acme").unwrap();
        assert_eq!(owners.of(&tenant, "s-1"), Owner::Nobody);
        owners.set(owners.group(&tenant, "s-1"), Some(node(2)));
        assert_eq!(owners.of(&tenant, "s-1"), Owner::At(node(2)));
        owners.set(owners.group(&tenant, "s-1"), Some(node(1)));
        assert_eq!(owners.of(&tenant, "s-1"), Owner::Here);
        assert!(!owners.all_here());
        assert_eq!(owners.another(), Owner::Nobody);
        GroupId::journals(8).for_each(|group| owners.set(group, Some(node(1))));
        assert!(owners.all_here());
        owners.set(GroupId(5), Some(node(3)));
        assert_eq!(owners.another(), Owner::At(node(3)));
    }

    #[test]
    fn names_are_drawn_until_they_belong_where_they_are_wanted() {
        let (mut world, _) = crate::environment::testing::world();
        world.random = Arc::new(Counting::default());
        let tenant = TenantId::new("acme").unwrap();
        let owners = Owners::new(node(1), 8);
        GroupId::journals(8).for_each(|group| owners.set(group, Some(node(2))));
        owners.set(GroupId(3), Some(node(1)));
        for _ in 0..8 {
            let session = owners.mint_session(&world, &tenant);
            let stream = owners.mint_stream(&world, &tenant, &session);
            assert_eq!(owners.of(&tenant, session.as_str()), Owner::Here);
            assert_eq!(owners.of(&tenant, stream.as_str()), Owner::Here);
        }
    }

    #[test]
    fn who_watches_hears_of_changes_only() {
        let owners = Owners::new(node(1), 2);
        let mut watch = owners.watch();
        owners.set(GroupId(1), Some(node(2)));
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        owners.set(GroupId(1), Some(node(2)));
        // Neither is a group of a session.
        owners.set(GroupId::META, Some(node(2)));
        owners.set(GroupId(3), Some(node(2)));
        assert!(!watch.has_changed().unwrap());
    }
}
