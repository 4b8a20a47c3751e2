//! Names and help texts.

use metrics::{Key, KeyName, Metadata, Recorder, Unit};

/// What kind of series a name is.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

/// (name, kind, help).
const CATALOGUE: &[(&str, Kind, &str)] = &[
    (
        "request_latency_ms",
        Histogram,
        "request accepted to final, by qos and outcome",
    ),
    (
        "time_to_first_chunk_ms",
        Histogram,
        "request accepted to first chunk, by qos",
    ),
    (
        "decision_us",
        Histogram,
        "time to plan a request, in microseconds",
    ),
    ("atp_router_requests_total", Counter, "requests accepted"),
    ("atp_router_active_connections", Gauge, "client connections open"),
    (
        "atp_errors_total",
        Counter,
        "errors told to callers, by wire code and scope",
    ),
    ("sessions_active", Gauge, "sessions live"),
    ("streams_active", Gauge, "streams live"),
    (
        "parallel_sessions_active",
        Gauge,
        "parallel sessions not yet ended",
    ),
    ("dispatch_targets_total", Counter, "lanes sent to adapters"),
    (
        "reconciliation_strategy_counts",
        Counter,
        "reconciliations, by strategy",
    ),
    ("agreement_pct", Histogram, "lexical agreement of lanes, 0 to 1"),
    (
        "finding_agreement_pct",
        Histogram,
        "agreement of findings, 0 to 1",
    ),
    (
        "estimate_fallback_total",
        Counter,
        "estimates made without the adapter, by adapter",
    ),
    ("adapters_registered", Gauge, "adapters known"),
    (
        "non_compliant_adapters",
        Gauge,
        "adapters that failed the compliance probe",
    ),
    ("circuits_open", Gauge, "breakers open or half open"),
    ("budget_holds_total", Counter, "holds taken"),
    ("budget_refusals_total", Counter, "holds refused, by component"),
    (
        "budget_settlements_total",
        Counter,
        "holds settled, by source of the usage figure",
    ),
    (
        "budget_overrun_usd_micros_total",
        Counter,
        "micro-dollars used above a hold with no room left",
    ),
    (
        "budget_invariant_violations_total",
        Counter,
        "times settled plus held exceeded a limit; must stay 0",
    ),
    (
        "journal_appends_total",
        Counter,
        "records written to the ledger journal",
    ),
    ("fair_sched_grants_total", Counter, "slots granted, by qos"),
    (
        "fair_sched_dropped_total",
        Counter,
        "waiters that timed out, by qos",
    ),
    ("fair_sched_wait_ms", Histogram, "time in the queue, by qos"),
    (
        "preemptions_total",
        Counter,
        "lanes preempted, by qos of the victim",
    ),
    (
        "idempotent_replays_total",
        Counter,
        "requests answered from the one before under the same idempotency key",
    ),
    (
        "rate_limit_dropped_total",
        Counter,
        "calls refused for coming too often, by scope",
    ),
    (
        "actor_restarts_total",
        Counter,
        "actors started anew after they ended, by actor",
    ),
    (
        "actor_panics_total",
        Counter,
        "panics caught at the edge of an actor",
    ),
];

/// Tells `recorder` the help text of every series.
pub fn describe(recorder: &dyn Recorder) {
    for &(name, kind, help) in CATALOGUE {
        let unit = name.ends_with("_ms").then_some(Unit::Milliseconds);
        let key = KeyName::from_const_str(name);
        match kind {
            Counter => recorder.describe_counter(key, unit, help.into()),
            Gauge => recorder.describe_gauge(key, unit, help.into()),
            Histogram => recorder.describe_histogram(key, unit, help.into()),
        }
    }
}

/// Where series are registered; required by the recorder's interface, of no consequence here.
pub(super) const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()));

/// A key with at most two labels.
pub(super) fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    debug_assert!(
        CATALOGUE.iter().any(|entry| entry.0 == name),
        "{name} is not in the catalogue"
    );
    let labels: Vec<metrics::Label> = labels
        .iter()
        .map(|&(label, value)| metrics::Label::new(label, value.to_owned()))
        .collect();
    Key::from_parts(name, labels)
}
