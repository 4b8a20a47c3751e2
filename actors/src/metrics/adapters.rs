//! Adapters: how many there are, how they do (atp.md sections 17.4, 22 and 23).

use atp_protocol::estimate::Mape;
use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram};

use super::capped::Capped;
use super::register::Register;

/// Series of one adapter.
pub struct AdapterSeries {
    first_chunk: [Histogram; 3],
    mape: [Histogram; 2],
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
}

/// Series of adapters.
pub struct Adapters {
    /// Adapters known.
    pub registered: Gauge,
    /// Adapters that failed the compliance probe.
    pub non_compliant: Gauge,
    /// Reports of an adapter's health.
    pub health_updates: Counter,
    /// Breakers open or half open.
    pub circuits_open: Gauge,
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
            circuits_open: register.gauge("circuits_open", &[]),
            named: Capped::new(move |adapter| AdapterSeries::new(&of, adapter)),
        }
    }
}
