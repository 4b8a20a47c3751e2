//! The scheduler's queues (atp.md section 18).

use atp_protocol::units::{Millis, Tier};
use metrics::{Counter, Gauge, Histogram};

use super::recent::Recent;
use super::register::Register;

/// Seconds over which the least fair of a node's schedulers is looked for.
const FAIRNESS_SECONDS: u64 = 10;

/// How many of one scheduler wait, as gauges know it; given back when dropped.
pub struct Standing {
    depth: [Gauge; 3],
    told: [usize; 3],
}

impl Standing {
    /// Says how many of each tier wait now.
    pub fn tell(&mut self, waiting: [usize; 3]) {
        for tier in Tier::ALL.map(Tier::index) {
            let before = std::mem::replace(&mut self.told[tier], waiting[tier]);
            if before != waiting[tier] {
                self.depth[tier].increment(waiting[tier] as f64 - before as f64);
            }
        }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.tell([0; 3]);
    }
}

/// Series of the schedulers of a node.
pub struct Queue {
    depth: [Gauge; 3],
    enqueued: [Counter; 3],
    dequeued: [Counter; 3],
    grants: [Counter; 3],
    dropped: [Counter; 3],
    wait: [Histogram; 3],
    wait_max: Gauge,
    starvations: [Counter; 3],
    boosts: [Counter; 3],
    preemptions: [Counter; 3],
    /// Sessions whose weight is not 1.
    pub weighted_sessions: Gauge,
    fairness: [Gauge; 3],
    recent_waits: Recent,
    recent_fairness: [Recent; 3],
}

impl Queue {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            depth: ["fair_q_depth_gold", "fair_q_depth_silver", "fair_q_depth_bronze"]
                .map(|name| register.gauge(name, &[])),
            enqueued: register.counters("fair_sched_enqueued_total"),
            dequeued: register.counters("fair_sched_dequeued_total"),
            grants: register.counters("fair_sched_grants_total"),
            dropped: register.counters("fair_sched_dropped_total"),
            wait: Tier::ALL.map(|tier| register.histogram("fair_sched_wait_ms", &[("qos", tier.as_str())])),
            wait_max: register.gauge("fair_sched_wait_max_ms", &[]),
            starvations: register.counters("starvation_events_total"),
            boosts: register.counters("fair_sched_starvation_boost_total"),
            preemptions: register.counters("preemptions_total"),
            weighted_sessions: register.gauge("fair_sched_weighted_sessions", &[]),
            fairness: register.gauges("jains_index"),
            recent_waits: Recent::new(),
            recent_fairness: [const { Recent::new() }; 3],
        }
    }

    /// Something waits.
    pub fn enqueued(&self, tier: Tier) {
        self.enqueued[tier.index()].increment(1);
    }

    /// A slot was granted after `ms` in the queue. Something that waited too long is `is_starved` and goes first, boosted.
    pub fn granted(&self, now: Millis, tier: Tier, ms: u64, was_fast: bool, is_starved: bool) {
        self.grants[tier.index()].increment(1);
        self.wait[tier.index()].record(ms as f64);
        if was_fast {
            return;
        }
        self.dequeued[tier.index()].increment(1);
        self.recent_waits.record(now, ms as f64);
        if is_starved {
            self.starvations[tier.index()].increment(1);
            self.boosts[tier.index()].increment(1);
        }
    }

    /// A waiter was not served: its time ran out, or there was no place in the queue.
    pub fn dropped(&self, tier: Tier) {
        self.dropped[tier.index()].increment(1);
    }

    /// A lane was preempted.
    pub fn preempted(&self, victim: Tier) {
        self.preemptions[victim.index()].increment(1);
    }

    /// How fair one scheduler was to the sessions of a tier: Jain's index.
    pub fn fairness(&self, now: Millis, tier: Tier, index: f64) {
        self.recent_fairness[tier.index()].record(now, index);
    }

    /// The queue of a new scheduler: empty.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            depth: self.depth.clone(),
            told: [0; 3],
        }
    }

    pub(super) fn publish(&self, now: Millis) {
        self.wait_max.set(self.recent_waits.max(now, 60).unwrap_or(0.0));
        for (gauge, recent) in self.fairness.iter().zip(&self.recent_fairness) {
            gauge.set(recent.min(now, FAIRNESS_SECONDS).unwrap_or(1.0));
        }
    }
}
