//! Windows, congestion, spikes, and what is thought of personas (atp.md sections 16, 17.3 and 20).

use std::sync::atomic::{AtomicI64, Ordering};

use atp_protocol::flow::{Adjustment, AimdConfig, Component};
use atp_protocol::payload::WindowReason;
use atp_protocol::units::{Millis, Tier};
use atp_routing::budget::Rate;
use metrics::{Counter, Gauge, Histogram};

use super::recent::Recent;
use super::register::Register;

/// See the module.
pub struct Flow {
    register: Register,
    /// Windows of sessions.
    pub windows: Windows,
    /// Marks and watermarks.
    pub congestion: Congestion,
    /// Sessions that spend suddenly.
    pub spikes: Spikes,
}

impl Flow {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            windows: Windows::new(register),
            congestion: Congestion::new(register),
            spikes: Spikes::new(register),
            register: register.clone(),
        }
    }

    /// Where a persona's reputation is told.
    pub fn reputation(&self, persona: &str) -> Gauge {
        self.register
            .gauge("persona_reputation_score", &[("persona", persona)])
    }

    /// A client was told its window.
    pub fn told(&self, reason: WindowReason) {
        let reason = match reason {
            WindowReason::Aimd => "aimd",
            WindowReason::AgentStatus => "agent_status",
            WindowReason::Budget => "budget",
            WindowReason::Policy => "policy",
            WindowReason::Error => "error",
            WindowReason::Ecn => "ecn",
            WindowReason::Refresh => "refresh",
            WindowReason::Grant => "grant",
            WindowReason::Other => "other",
        };
        self.register
            .counter("window_update_tx", &[("reason", reason)])
            .increment(1);
    }

    pub(super) fn publish(&self, now: Millis) {
        self.windows.publish();
        self.spikes.publish(now);
    }
}

/// Who found no room at a level of windows, in the order of [`Component::ALL`].
pub(super) fn windows_denied(register: &Register, level: &'static str) -> [Counter; 3] {
    [
        "window_denied_parallel_total",
        "window_denied_tokens_total",
        "window_denied_usd_total",
    ]
    .map(|name| register.counter(name, &[("level", level)]))
}

/// Windows of sessions.
pub struct Windows {
    denied: [Counter; 3],
    admitted: Counter,
    refused: Counter,
    adjustments: Counter,
    reactions: Counter,
    /// Records forgotten because their session was idle.
    pub pruned: Counter,
    size: Histogram,
    factors: [Gauge; 2],
    tunings: Counter,
    tuning_errors: Histogram,
    current: Gauge,
    sessions: Gauge,
    streams: Gauge,
    utilization: Gauge,
    /// Sum of all windows, windows, streams admitted and their calls.
    sums: [AtomicI64; 4],
}

impl Windows {
    fn new(register: &Register) -> Self {
        Self {
            denied: windows_denied(register, "session"),
            admitted: register.counter("router_windows_admit_total", &[]),
            refused: register.counter("router_windows_reject_total", &[]),
            adjustments: register.counter("flow_window_adjustments_total", &[]),
            reactions: register.counter("ecn_reactions_total", &[]),
            pruned: register.counter("flow_window_pruned_total", &[]),
            size: register.histogram("flow_window_size", &[]),
            factors: ["aimd_add_factor", "aimd_mult_factor"].map(|name| register.gauge(name, &[])),
            tunings: register.counter("pid_parameter_updates_total", &[]),
            tuning_errors: register.histogram("pid_error_magnitude", &[]),
            current: register.gauge("flow_window_current", &[]),
            sessions: register.gauge("flow_active_sessions", &[]),
            streams: register.gauge("flow_active_streams", &[]),
            utilization: register.gauge("flow_window_utilization_pct", &[]),
            sums: Default::default(),
        }
    }

    fn add(&self, sums: [i64; 4]) {
        for (sum, by) in self.sums.iter().zip(sums) {
            sum.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// A session has a window of `parallel` calls.
    pub(crate) fn opened(&self, parallel: u32) {
        self.add([i64::from(parallel), 1, 0, 0]);
    }

    /// It has it no more.
    pub(crate) fn closed(&self, parallel: u32) {
        self.add([-i64::from(parallel), -1, 0, 0]);
    }

    /// A stream of `calls` lanes was admitted.
    pub(crate) fn admitted(&self, calls: u32) {
        self.admitted.increment(1);
        self.add([0, 0, 1, i64::from(calls)]);
    }

    /// It is over.
    pub(crate) fn released(&self, calls: u32) {
        self.add([0, 0, -1, -i64::from(calls)]);
    }

    /// A stream found no room at once.
    pub(crate) fn denied(&self, component: Component) {
        self.denied[component as usize].increment(1);
    }

    /// A stream was refused.
    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    /// Windows move so.
    pub(crate) fn move_by(&self, config: &AimdConfig) {
        self.factors[0].set(config.add);
        self.factors[1].set(config.mult);
    }

    /// How windows move was reconsidered, for traffic that was so far off, each as a share of what is wanted.
    pub(crate) fn tuned(&self, config: &AimdConfig, errors: [f64; 3]) {
        self.tunings.increment(1);
        for error in errors {
            self.tuning_errors.record(error.abs());
        }
        self.move_by(config);
    }

    /// A window was reconsidered.
    pub(crate) fn adjusted(&self, before: u32, after: &Adjustment) {
        self.size.record(f64::from(after.current));
        self.adjustments.increment(u64::from(after.is_changed));
        self.reactions.increment(u64::from(after.is_ecn_reaction));
        self.add([i64::from(after.current) - i64::from(before), 0, 0, 0]);
    }

    fn publish(&self) {
        let [sum, windows, streams, calls] =
            [0, 1, 2, 3].map(|at| self.sums[at].load(Ordering::Relaxed) as f64);
        self.current.set(if windows > 0.0 { sum / windows } else { 0.0 });
        self.sessions.set(windows);
        self.streams.set(streams);
        self.utilization
            .set(if sum > 0.0 { 100.0 * calls / sum } else { 0.0 });
    }
}

/// Marks and watermarks.
pub struct Congestion {
    highs: [Counter; 3],
    /// Frames sent with a mark.
    pub marks: Counter,
    /// Bronze requests refused because queues are long.
    pub bronze_drops: Counter,
}

impl Congestion {
    fn new(register: &Register) -> Self {
        Self {
            highs: register.counters("queue_high_watermark_events_total"),
            marks: register.counter("ecn_mark_total", &[]),
            bronze_drops: register.counter("router_qos_drops_bronze_total", &[]),
        }
    }

    /// The waits of a tier have become too long.
    pub(crate) fn high(&self, tier: Tier) {
        self.highs[tier.index()].increment(1);
    }
}

/// Sessions that spend suddenly.
pub struct Spikes {
    events: Counter,
    ewma: Gauge,
    z: Gauge,
    recent: [Recent; 2],
}

impl Spikes {
    fn new(register: &Register) -> Self {
        let threshold = register.gauge("budget_spike_threshold", &[]);
        threshold.set(atp_routing::budget::SpikeSettings::default().z_threshold);
        Self {
            events: register.counter("budget_spike_events_total", &[]),
            ewma: register.gauge("budget_ewma_value", &[]),
            z: register.gauge("budget_z_score", &[]),
            recent: [const { Recent::new() }; 2],
        }
    }

    /// A session's rate was judged.
    pub(crate) fn observed(&self, now: Millis, rate: &Rate) {
        self.events.increment(u64::from(rate.is_spike));
        self.recent[0].record(now, rate.ewma);
        self.recent[1].record(now, rate.z);
    }

    fn publish(&self, now: Millis) {
        for (gauge, recent) in [&self.ewma, &self.z].into_iter().zip(&self.recent) {
            gauge.set(recent.max(now, 60).unwrap_or(0.0));
        }
    }
}
