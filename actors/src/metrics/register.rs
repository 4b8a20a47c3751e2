//! Registers series with a recorder.

use std::sync::Arc;

use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram, Key, Label, Recorder};

use super::names::{METADATA, is_known};

/// Where series are registered. Cheap to clone.
#[derive(Clone)]
pub(super) struct Register(Arc<dyn Recorder + Send + Sync>);

/// Labels with values that are not known before.
type Labels<'a> = &'a [(&'static str, &'a str)];

impl Register {
    pub(super) fn new(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        Self(recorder)
    }

    pub(super) fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.0.register_counter(&key(name, labels), &METADATA)
    }

    pub(super) fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.0.register_gauge(&key(name, labels), &METADATA)
    }

    pub(super) fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.0.register_histogram(&key(name, labels), &METADATA)
    }

    /// One counter a tier.
    pub(super) fn counters(&self, name: &'static str) -> [Counter; 3] {
        Tier::ALL.map(|tier| self.counter(name, &[("qos", tier.as_str())]))
    }

    /// One gauge a tier.
    pub(super) fn gauges(&self, name: &'static str) -> [Gauge; 3] {
        Tier::ALL.map(|tier| self.gauge(name, &[("qos", tier.as_str())]))
    }
}

fn key(name: &'static str, labels: Labels<'_>) -> Key {
    debug_assert!(is_known(name), "{name} is not in the catalogue");
    let labels: Vec<Label> = labels
        .iter()
        .map(|&(label, value)| Label::new(label, value.to_owned()))
        .collect();
    Key::from_parts(name, labels)
}
