//! Adapters: how many there are, how they do (atp.md sections 16, 17.4, 22 and 23).

use atp_protocol::adapter::AgentStatus;
use atp_protocol::estimate::Mape;
use atp_protocol::flow::Component;
use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram};

use super::capped::Capped;
use super::flow::windows_denied;
use super::register::Register;

/// Series of one adapter.
pub struct AdapterSeries {
    first_chunk: [Histogram; 3],
    mape: [Histogram; 2],
    /// Of all adapters together, as the next.
    denied: [Counter; 3],
    capped: [Counter; 2],
    /// Estimates asked of it and not given in time.
    pub estimate_fallbacks: Counter,
}

impl AdapterSeries {
    fn new(register: &Register, adapter: &str) -> Self {
        Self {
            first_chunk: Tier::ALL.map(|tier| {
                let labels = [("qos", tier.as_str()), ("adapter", adapter)];
                register.histogram("time_to_first_chunk_ms", &labels)
            }),
            mape: ["adapter_estimate_mape_tokens", "adapter_estimate_mape_usd"]
                .map(|name| register.histogram(name, &[("adapter", adapter)])),
            denied: windows_denied(register, "agent"),
            capped: ["waited", "refused"]
                .map(|outcome| register.counter("agent_burst_capped_total", &[("outcome", outcome)])),
            estimate_fallbacks: register.counter("estimate_fallback_total", &[("adapter", adapter)]),
        }
    }

    /// The first chunk of a request came after `ms`.
    pub fn first_chunk(&self, tier: Tier, ms: f64) {
        self.first_chunk[tier.index()].record(ms);
    }

    /// A lane's estimate was so far off.
    pub fn foreseen(&self, error: Mape) {
        self.mape[0].record(error.tokens);
        self.mape[1].record(error.usd);
    }

    /// A call found no room at its adapter.
    pub fn denied(&self, component: Component) {
        self.denied[component as usize].increment(1);
    }

    /// A call waits for its turn, or its turn would come too late.
    pub fn capped(&self, is_refused: bool) {
        self.capped[usize::from(is_refused)].increment(1);
    }
}

/// Series of adapters.
pub struct Adapters {
    /// Adapters known.
    pub registered: Gauge,
    /// Adapters that failed the compliance probe.
    pub non_compliant: Gauge,
    /// Reports of an adapter's health.
    pub health_updates: Counter,
    /// Looks at an adapter's health: it was asked, or others were listened to.
    looks: [Counter; 2],
    /// Tables made.
    pub rebuilds: Counter,
    /// Breakers open or half open.
    pub circuits_open: Gauge,
    /// Agents' words on their window that narrowed it.
    pub overrides: Counter,
    /// Pauses that took effect.
    pub pauses_honored: Counter,
    status_changes: [(AgentStatus, Counter); 4],
    /// Adapters by name.
    pub named: Capped<AdapterSeries>,
}

impl Adapters {
    pub(super) fn new(register: &Register) -> Self {
        let of = register.clone();
        Self {
            registered: register.gauge("adapters_registered", &[]),
            non_compliant: register.gauge("non_compliant_adapters", &[]),
            health_updates: register.counter("adapter_health_updates", &[]),
            looks: ["adapter", "gossip"]
                .map(|by| register.counter("adapter_health_looks_total", &[("by", by)])),
            rebuilds: register.counter("fib_rebuilds_total", &[]),
            circuits_open: register.gauge("circuits_open", &[]),
            overrides: register.counter("window_overrides_applied", &[]),
            pauses_honored: register.counter("pauses_honored_total", &[]),
            status_changes: [
                (AgentStatus::Ready, "READY"),
                (AgentStatus::Busy, "BUSY"),
                (AgentStatus::Pause, "PAUSE"),
                (AgentStatus::Draining, "DRAINING"),
            ]
            .map(|(status, name)| {
                let labels = [("status", name)];
                (status, register.counter("agent_status_changes_total", &labels))
            }),
            named: Capped::new(move |adapter| AdapterSeries::new(&of, adapter)),
        }
    }

    /// It was looked how an adapter is; `is_hearsay`: by the word of another node.
    pub fn looked(&self, is_hearsay: bool) {
        self.looks[usize::from(is_hearsay)].increment(1);
    }

    /// An agent is in another condition than before.
    pub fn status_changed(&self, to: AgentStatus) {
        let counter = self.status_changes.iter().find(|(status, _)| *status == to);
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }
}
