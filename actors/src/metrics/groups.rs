//! The Raft groups of a node, and what is relayed between owners.

use metrics::{Counter, Gauge, Histogram};

use super::register::Register;

/// Series of one group.
pub struct GroupSeries {
    /// 1 while this node leads.
    pub leads: Gauge,
    /// 1 while anybody is known to lead.
    pub has_leader: Gauge,
    /// The term.
    pub term: Gauge,
    /// Index of the last entry applied here.
    pub applied: Gauge,
    /// Entries in the log here that are not applied.
    pub behind: Gauge,
    /// Index up to which the last snapshot reaches.
    pub snapshot: Gauge,
    /// Times another leader was heard of.
    pub changes: Counter,
}

impl GroupSeries {
    pub(super) fn new(register: &Register, group: &str) -> Self {
        let labels = [("group", group)];
        let gauge = |name| register.gauge(name, &labels);
        Self {
            leads: gauge("raft_leads"),
            has_leader: gauge("raft_has_leader"),
            term: gauge("raft_term"),
            applied: gauge("raft_applied_index"),
            behind: gauge("raft_unapplied_entries"),
            snapshot: gauge("raft_snapshot_index"),
            changes: register.counter("raft_leader_changes_total", &labels),
        }
    }
}

/// What members hear of each other.
pub struct GossipSeries {
    /// Members whose heartbeats arrive, this node included.
    pub alive: Gauge,
    /// Times a member was taken for dead.
    pub deaths: Counter,
    /// Messages taken.
    pub received: Counter,
    /// Messages that arrived.
    pub sent: Counter,
    /// Messages that were not sent, or of which it is not known whether they arrived.
    pub lost: Counter,
}

impl GossipSeries {
    pub(super) fn new(register: &Register) -> Self {
        let messages = |dir| register.counter("gossip_messages_total", &[("dir", dir)]);
        Self {
            alive: register.gauge("gossip_members_alive", &[]),
            deaths: register.counter("gossip_deaths_total", &[]),
            received: messages("in"),
            sent: messages("out"),
            lost: messages("lost"),
        }
    }
}

/// Requests carried to the owners of their sessions.
pub struct Relays {
    /// Carried, and answered by the owner.
    pub answered: Counter,
    /// Not carried, or lost on the way.
    pub failed: Counter,
    /// From the request to the head of its reply, in microseconds.
    pub latency: Histogram,
}

impl Relays {
    pub(super) fn new(register: &Register) -> Self {
        let of = |outcome| register.counter("relay_requests_total", &[("outcome", outcome)]);
        Self {
            answered: of("answered"),
            failed: of("failed"),
            latency: register.histogram("relay_latency_us", &[]),
        }
    }
}
