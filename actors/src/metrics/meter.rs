//! All series of a node.

use std::sync::Arc;

use atp_protocol::error::{Code, Scope};
use atp_protocol::units::Millis;
use metrics::{Counter, Recorder};

use super::register::Register;
use super::{
    Adapters, Answers, Flow, GossipSeries, GroupSeries, Links, Money, Queue, Relays, Requests, Wire,
};

/// All series of a node, by what they speak of.
pub struct Meter {
    register: Register,
    /// Frames and fragments.
    pub wire: Wire,
    /// Requests, sessions, streams.
    pub requests: Requests,
    /// Budgets and costs.
    pub money: Money,
    /// The scheduler.
    pub queue: Queue,
    /// Reconciliation.
    pub answers: Answers,
    /// Adapters.
    pub adapters: Adapters,
    /// Windows, congestion, spikes, personas.
    pub flow: Flow,
    /// The link between members.
    pub link: Links,
    /// Requests carried to the owners of their sessions.
    pub relays: Relays,
    /// Panics caught at the edge of an actor.
    pub panics: Counter,
    /// Records written to the audit log.
    pub audit_records: Counter,
    /// Records it had no room or no disk for.
    pub audit_lost: Counter,
    /// Decisions put on record.
    pub decisions: Counter,
    /// Decisions for which there was no room, or that no group took.
    pub decisions_lost: Counter,
    /// Inputs that a parallel session had no place for.
    pub ignored: Counter,
}

impl Meter {
    /// Registers every series with `recorder`.
    #[must_use]
    pub fn new(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        let register = Register::new(recorder);
        Self {
            wire: Wire::new(&register),
            requests: Requests::new(&register),
            money: Money::new(&register),
            queue: Queue::new(&register),
            answers: Answers::new(&register),
            adapters: Adapters::new(&register),
            flow: Flow::new(&register),
            link: Links::new(&register),
            relays: Relays::new(&register),
            panics: register.counter("actor_panics_total", &[]),
            audit_records: register.counter("audit_records_total", &[]),
            audit_lost: register.counter("audit_records_lost_total", &[]),
            decisions: register.counter("decision_records_total", &[]),
            decisions_lost: register.counter("decision_records_lost_total", &[]),
            ignored: register.counter(
                "fsm_ignored_events_total",
                &[("fsm", "parallel_session"), ("event", "input")],
            ),
            register,
        }
    }

    /// An error was told to a caller. Rare enough to be looked up.
    pub fn error(&self, code: Code, scope: Scope) {
        let labels = [("code", code.as_str()), ("scope", scope.as_str())];
        self.register.counter("atp_errors_total", &labels).increment(1);
    }

    /// An actor was started anew.
    pub fn actor_restarted(&self, actor: &'static str) {
        let labels = [("actor", actor)];
        self.register
            .counter("actor_restarts_total", &labels)
            .increment(1);
    }

    /// The series of a Raft group, of which there are as many as the cluster was made with.
    #[must_use]
    pub fn group(&self, name: &str) -> GroupSeries {
        GroupSeries::new(&self.register, name)
    }

    /// How long the certificate of a member is good for. A node without one has no such series.
    pub fn certificate_days_left(&self, days: u64) {
        self.register.gauge("certificate_days_left", &[]).set(days as f64);
    }

    /// The series of the gossip between members. A node by itself has none.
    #[must_use]
    pub fn gossip(&self) -> GossipSeries {
        GossipSeries::new(&self.register)
    }

    /// Which state of the cluster's settings is in force at this node.
    pub fn settings_version(&self, version: u64) {
        self.register.gauge("settings_version", &[]).set(version as f64);
    }

    /// Brings gauges that speak of the last seconds up to date; called every few seconds.
    pub fn publish(&self, now: Millis) {
        self.queue.publish(now);
        self.answers.publish(now);
        self.flow.publish(now);
    }
}
