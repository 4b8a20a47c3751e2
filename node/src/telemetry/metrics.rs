//! The node's series in Prometheus text.

use std::sync::Arc;

use atp_actors::metrics::{Meter, describe};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of each histogram (atp.md 27.1); others export quantiles.
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
        "decision_us",
        &[5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 300.0, 1_000.0, 3_000.0],
    ),
    (
        "fair_sched_wait_ms",
        &[1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0],
    ),
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
        }
    }

    /// Prometheus text 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what was observed since into the distributions; to be called every few seconds, so that they stay bounded
    /// when nobody scrapes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Exposition {
    fn default() -> Self {
        Self::new()
    }
}
