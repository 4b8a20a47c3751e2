//! Which nodes are within reach, and how they are, as this node hears.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atp_actors::adapter::AdapterName;
use atp_protocol::adapter::HealthStatus;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::Lane;
use atp_protocol::units::Millis;

use super::choice::Standing;
use crate::cluster::Cluster;
use crate::gossip::Facts;
use crate::link::Link;

/// How long a connection may be away while the node is heard of through others: one that broke is back within a second.
const GRACE: Duration = Duration::from_secs(3);

/// Loads, in thousandths, from which a node is full, and below which it is no longer.
const FULL: (u32, u32) = (1_000, 750);

/// What is known of all members but this one.
#[derive(Default, PartialEq)]
pub(super) struct Reach(BTreeMap<NodeId, Member>);

/// What is known of one.
#[derive(Debug, Clone, Default, PartialEq)]
struct Member {
    /// When it was connected last.
    connected: Option<Millis>,
    is_there: bool,
    is_full: bool,
    /// Adapters that take no work.
    unhealthy: BTreeSet<AdapterName>,
}

/// One look at a member.
struct Sight<'a> {
    is_connected: bool,
    /// What it says of itself, while it is alive.
    facts: Option<&'a Facts>,
}

impl Reach {
    /// Looks at link and gossip. Returns whether anything that matters is otherwise than before.
    pub(super) fn look(&mut self, now: Millis, cluster: &Cluster, link: &Link) -> bool {
        let members = cluster.members();
        let mut is_changed = self.0.keys().any(|node| !members.contains(node));
        self.0.retain(|node, _| members.contains(node));
        for node in members.into_iter().filter(|node| *node != cluster.node()) {
            let is_connected = link.is_connected(node, Lane::Control);
            let mut see = |facts: Option<&Facts>| {
                let sight = Sight { is_connected, facts };
                self.0.entry(node).or_default().see(now, &sight)
            };
            let seen = cluster.facts_of(node, |facts| see(Some(facts)));
            is_changed |= seen.unwrap_or_else(|| see(None));
        }
        is_changed
    }

    /// How a node that has an adapter is.
    pub(super) fn standing(&self, node: NodeId, adapter: &AdapterName) -> Standing {
        let member = self.0.get(&node);
        Standing {
            is_there: member.is_some_and(|member| member.is_there),
            is_unhealthy: member.is_some_and(|member| member.unhealthy.contains(adapter)),
            is_full: member.is_some_and(|member| member.is_full),
        }
    }
}

impl Member {
    /// Returns whether it is otherwise than before.
    fn see(&mut self, now: Millis, sight: &Sight<'_>) -> bool {
        let before = (self.is_there, self.is_full, self.unhealthy.clone());
        if sight.is_connected {
            self.connected = Some(now);
        }
        let is_near = |at: Millis| u128::from(now.since(at)) < GRACE.as_millis();
        self.is_there = sight.facts.is_some() && self.connected.is_some_and(is_near);
        if let Some(facts) = sight.facts {
            let full = if self.is_full { FULL.1 } else { FULL.0 };
            self.is_full = facts.is_draining || facts.load >= full;
            self.unhealthy = unhealthy(facts);
        }
        before != (self.is_there, self.is_full, self.unhealthy.clone())
    }
}

fn unhealthy(facts: &Facts) -> BTreeSet<AdapterName> {
    let adapters = facts.adapters.iter();
    let unhealthy = adapters.filter(|(_, condition)| {
        let health = condition.health;
        health.is_some_and(|health| health.status == HealthStatus::Unhealthy)
    });
    unhealthy.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(member: &mut Member, ms: u64, is_connected: bool, facts: Option<&Facts>) -> (bool, bool) {
        let sight = Sight { is_connected, facts };
        (member.see(Millis(ms), &sight), member.is_there)
    }

    #[test]
    fn a_member_is_there_while_it_is_alive_and_was_connected_a_short_time_ago() {
        let (mut member, alive) = (Member::default(), Facts::default());
        let mut see = |ms, is_connected, is_alive: bool| {
            let facts = is_alive.then_some(&alive);
            see(&mut member, ms, is_connected, facts)
        };
        assert_eq!(see(0, false, true), (false, false), "it was never connected");
        assert_eq!(see(50, true, false), (false, false), "nothing is heard of it");
        assert_eq!(see(100, true, true), (true, true));
        assert_eq!(see(3_099, false, true), (false, true));
        assert_eq!(see(3_100, false, true), (true, false));
        assert_eq!(see(3_200, true, true), (true, true));
        assert_eq!(
            see(3_300, true, false),
            (true, false),
            "the dead are left at once"
        );
    }

    #[test]
    fn a_member_is_full_from_one_load_on_and_until_another() {
        let mut member = Member::default();
        let mut is_full = |load, is_draining| {
            let facts = Facts {
                load,
                is_draining,
                ..Facts::default()
            };
            see(&mut member, 0, true, Some(&facts));
            member.is_full
        };
        let loads = [999, 1_000, 900, 750, 749, 999];
        let full = loads.map(|load| is_full(load, false));
        assert_eq!(full, [false, true, true, true, false, false]);
        assert!(is_full(0, true));
    }
}
