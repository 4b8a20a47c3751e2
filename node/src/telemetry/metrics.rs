//! The node's series in Prometheus text.

use std::sync::Arc;

use atp_actors::metrics::{Meter, describe};
use atp_protocol::units::Millis;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::derived;

/// Relative errors of estimates.
const ERRORS: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 1.0];

/// Upper bounds of each histogram (atp.md 27.1); where that names none, ours.
const BUCKETS: &[(&str, &[f64])] = &[
    (
        "request_latency_ms",
        &[
            0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0, 5_000.0, 30_000.0,
        ],
    ),
    (
        "time_to_first_chunk_ms",
        &[
            0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0, 5_000.0,
        ],
    ),
    (
        "relay_latency_us",
        &[
            100.0,
            250.0,
            500.0,
            1_000.0,
            5_000.0,
            25_000.0,
            100_000.0,
            1_000_000.0,
            30_000_000.0,
        ],
    ),
    (
        "link_rtt_us",
        &[
            50.0,
            100.0,
            250.0,
            500.0,
            1_000.0,
            5_000.0,
            25_000.0,
            100_000.0,
            1_000_000.0,
        ],
    ),
    (
        "decision_us",
        &[5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 300.0, 1_000.0, 3_000.0],
    ),
    (
        "fair_sched_wait_ms",
        &[1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0],
    ),
    (
        "frame_bytes",
        &[
            256.0,
            1_024.0,
            4_096.0,
            16_384.0,
            65_536.0,
            262_144.0,
            1_048_576.0,
        ],
    ),
    ("pid_error_magnitude", &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0]),
    ("flow_window_size", &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
    ("fragment_count_per_message", &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
    ("buffer_wait_ms", &[10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0]),
    (
        "router_estimate_tokens",
        &[64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0],
    ),
    (
        "router_estimate_usd_micros",
        &[10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0],
    ),
    ("router_estimate_mape_tokens", ERRORS),
    ("router_estimate_mape_usd", ERRORS),
    ("adapter_estimate_mape_tokens", ERRORS),
    ("adapter_estimate_mape_usd", ERRORS),
    ("disagreement_regions_avg", &[1.0, 2.0, 3.0, 5.0, 10.0]),
    ("agreement_pct", &[0.2, 0.4, 0.6, 0.8, 0.9]),
    (
        "finding_agreement_pct",
        &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    ),
];

/// A node's recorder and the text it renders.
pub struct Exposition {
    /// Figures to count with.
    pub meter: Arc<Meter>,
    handle: PrometheusHandle,
    aliases: bool,
}

impl Exposition {
    /// A recorder of its own, so that two nodes of one process keep theirs apart.
    #[must_use]
    pub fn new() -> Self {
        let builder = BUCKETS
            .iter()
            .fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
                let matcher = Matcher::Full((*name).to_owned());
                builder
                    .set_buckets_for_metric(matcher, bounds)
                    .expect("bucket lists are not empty")
            });
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        describe(&recorder);
        Self {
            meter: Arc::new(Meter::new(Arc::new(recorder))),
            handle,
            aliases: true,
        }
    }

    /// Whether series that have two names are exported under both.
    #[must_use]
    pub fn with_aliases(mut self, aliases: bool) -> Self {
        self.aliases = aliases;
        self
    }

    /// Prometheus text 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        derived::complete(self.handle.render(), self.aliases)
    }

    /// Folds what was observed since into the distributions and brings gauges up to date; to be called every few seconds,
    /// so that they stay bounded when nobody scrapes.
    pub fn upkeep(&self, now: Millis) {
        self.meter.publish(now);
        self.handle.run_upkeep();
    }
}

impl Default for Exposition {
    fn default() -> Self {
        Self::new()
    }
}
