//! Series that follow from others: aliases, sums, quantiles (atp.md 27.1).
//!
//! They are made of the rendered text each time it is asked for, so that nothing is counted twice while requests run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use atp_protocol::error::Code;

/// Series with a second name, and the factor between them. Left out with `metrics.aliases = false`.
const ALIASES: &[(&str, &str, f64)] = &[
    ("frames_rx", "frames_rx_total", 1.0),
    ("frames_tx", "frames_tx_total", 1.0),
    ("budget_remaining_usd_micros", "budget_remaining_usd", 1e-6),
    ("adapter_estimate_mape_tokens", "estimate_mape_tokens", 1.0),
    (
        "starvation_events_total",
        "fair_sched_starvation_events_total",
        1.0,
    ),
    ("jains_index", "fair_sched_jains_index", 1.0),
    (
        "strategy_switch_total",
        "agp_reconciliation_strategy_switches_total",
        1.0,
    ),
    ("adapter_health_updates", "adapter_health_updates_total", 1.0),
];

/// Sums over all labels: of, name, kind.
const SUMS: &[(&str, &str, &str)] = &[
    ("atp_errors_total", "atp_router_errors_total", "counter"),
    (
        "budget_remaining_tokens",
        "atp_router_window_tokens_remaining",
        "gauge",
    ),
];

/// Errors that have a name of their own, by wire code.
const REFUSALS: &[(&str, &[Code])] = &[
    ("scope_violation_total", &[Code::Sec]),
    (
        "input_reject_total",
        &[Code::Proto, Code::BadInput, Code::Unsupported, Code::TooBig],
    ),
];

const DEPTHS: [&str; 3] = ["fair_q_depth_gold", "fair_q_depth_silver", "fair_q_depth_bronze"];

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

/// `text` and what follows from it, with aliases or without.
pub(super) fn complete(text: String, aliases: bool) -> String {
    let more = {
        let read = Read::of(&text);
        let mut more = Written::default();
        if aliases {
            for (of, name, factor) in ALIASES {
                more.alias(&read, of, name, *factor);
            }
        }
        more.errors(&read);
        for (of, name, kind) in SUMS {
            let sum = read.samples(of).map(|sample| sample.value).sum();
            more.single(name, kind, sum);
        }
        let depth = DEPTHS.iter().flat_map(|name| read.samples(name));
        more.single(
            "fair_sched_queue_depth",
            "gauge",
            depth.map(|sample| sample.value).sum(),
        );
        more.strategies(&read);
        more.escalations(&read);
        more.agreement(&read);
        more.seconds(&read);
        more.waits(&read);
        more.0
    };
    text + &more
}

/// One line.
struct Sample<'t> {
    /// With the suffix a histogram's lines have.
    name: &'t str,
    /// Without braces.
    labels: &'t str,
    value: f64,
}

impl<'t> Sample<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (series, ""),
        };
        Some(Self {
            name,
            labels,
            value: value.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> Option<&'t str> {
        let from = self
            .labels
            .split_once(&format!("{name}=\""))
            .map(|(_, rest)| rest)?;
        from.split_once('"').map(|(value, _)| value)
    }

    /// The labels without a bucket's bound, and the bound.
    fn bucket(&self) -> Option<(&'t str, &'t str)> {
        let (labels, bound) = self.labels.split_once("le=\"")?;
        Some((labels.trim_end_matches(','), bound.strip_suffix('"')?))
    }
}

/// Rendered text, by family.
struct Read<'t>(BTreeMap<&'t str, (&'t str, Vec<Sample<'t>>)>);

impl<'t> Read<'t> {
    fn of(text: &'t str) -> Self {
        let mut families = BTreeMap::new();
        let mut family = "";
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("# TYPE ") {
                if let Some((name, kind)) = told.split_once(' ') {
                    family = name;
                    families.insert(name, (kind, Vec::new()));
                }
            } else if !line.starts_with('#')
                && let (Some(sample), Some((_, samples))) = (Sample::parse(line), families.get_mut(family))
            {
                samples.push(sample);
            }
        }
        Self(families)
    }

    fn samples(&self, family: &str) -> impl Iterator<Item = &Sample<'t>> {
        self.0.get(family).into_iter().flat_map(|(_, samples)| samples)
    }

    fn sum_of(&self, family: &str, suffix: &str) -> f64 {
        self.samples(family)
            .filter(|sample| sample.name.ends_with(suffix))
            .map(|sample| sample.value)
            .sum()
    }
}

/// Families in the exposition's format.
#[derive(Default)]
struct Written(String);

impl Written {
    fn family(&mut self, name: &str, kind: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: f64) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn single(&mut self, name: &str, kind: &str, value: f64) {
        self.family(name, kind);
        // A sum of nothing is -0.
        self.line(name, "", value + 0.0);
    }

    fn alias(&mut self, read: &Read<'_>, of: &str, name: &str, factor: f64) {
        let Some((kind, samples)) = read.0.get(of) else {
            return;
        };
        self.family(name, kind);
        for sample in samples {
            let suffix = sample.name.strip_prefix(of).unwrap_or_default();
            self.line(&format!("{name}{suffix}"), sample.labels, sample.value * factor);
        }
    }

    /// One series for each word of the HTTP surface, whether it was said or not.
    fn errors(&mut self, read: &Read<'_>) {
        let of = |codes: &dyn Fn(&str) -> bool| -> f64 {
            read.samples("atp_errors_total")
                .filter(|sample| sample.label("code").is_some_and(codes))
                .map(|sample| sample.value)
                .sum()
        };
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.row().error).collect();
        for word in words {
            let said = |label: &str| {
                let code = Code::ALL.iter().find(|code| code.as_str() == label);
                code.is_some_and(|code| code.row().error == word)
            };
            self.single(&format!("error_code_{word}_total"), "counter", of(&said));
        }
        for (name, codes) in REFUSALS {
            let is_one = |label: &str| codes.iter().any(|code| code.as_str() == label);
            self.single(name, "counter", of(&is_one));
        }
    }

    fn strategies(&mut self, read: &Read<'_>) {
        for sample in read.samples("reconciliation_strategy_counts") {
            if let Some(strategy) = sample.label("strategy") {
                let strategy = strategy.replace('-', "_");
                let name = format!("consensus_strategy_used_{strategy}_total");
                self.single(&name, "counter", sample.value);
            }
        }
    }

    fn escalations(&mut self, read: &Read<'_>) {
        for reason in ["low_conf", "disagreement"] {
            let of = read
                .samples("escalations_total")
                .filter(|sample| sample.label("reason") == Some(reason));
            let name = format!("escalations_total_{reason}");
            self.single(&name, "counter", of.map(|sample| sample.value).sum());
        }
    }

    fn agreement(&mut self, read: &Read<'_>) {
        let (sum, count) = (
            read.sum_of("agreement_pct", "_sum"),
            read.sum_of("agreement_pct", "_count"),
        );
        if count > 0.0 {
            self.single("atp_router_consensus_agreement_pct", "gauge", sum / count);
        }
    }

    /// `request_latency_ms` in seconds.
    fn seconds(&mut self, read: &Read<'_>) {
        const NAME: &str = "atp_router_request_duration_seconds";
        let of = "request_latency_ms";
        if read.samples(of).next().is_none() {
            return;
        }
        self.family(NAME, "histogram");
        for sample in read.samples(of) {
            let suffix = sample.name.strip_prefix(of).unwrap_or_default();
            match sample.bucket() {
                Some((labels, bound)) => {
                    let bound = bound
                        .parse::<f64>()
                        .map_or_else(|_| bound.to_owned(), |ms| seconds(ms).to_string());
                    let bound = if bound == "inf" { "+Inf" } else { &bound };
                    let labels = format!("{labels},le=\"{bound}\"");
                    self.line(&format!("{NAME}{suffix}"), &labels, sample.value);
                }
                None if suffix == "_sum" => {
                    self.line(&format!("{NAME}_sum"), sample.labels, seconds(sample.value));
                }
                None => self.line(&format!("{NAME}{suffix}"), sample.labels, sample.value),
            }
        }
    }

    /// Quantiles of the wait in the queue, by tier.
    fn waits(&mut self, read: &Read<'_>) {
        let mut buckets: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in read.samples("fair_sched_wait_ms") {
            if let Some((labels, bound)) = sample.bucket() {
                let bound = bound.parse().unwrap_or(f64::INFINITY);
                buckets.entry(labels).or_default().push((bound, sample.value));
            }
        }
        for (name, share) in QUANTILES {
            let name = format!("fair_sched_wait_ms_{name}");
            self.family(&name, "gauge");
            for (labels, buckets) in &buckets {
                self.line(&name, labels, quantile(buckets, share));
            }
        }
    }
}

/// Free of the dust that a multiplication would leave in a bound.
fn seconds(ms: f64) -> f64 {
    ms / 1_000.0
}

/// The value that a share of the observations does not exceed, linear within its bucket; the last finite bound at most.
/// `buckets`: upper bounds with cumulative counts, ascending.
fn quantile(buckets: &[(f64, f64)], share: f64) -> f64 {
    let total = buckets.last().map_or(0.0, |(_, count)| *count);
    let rank = total * share;
    let (mut from, mut below) = (0.0, 0.0);
    for &(bound, count) in buckets {
        if count >= rank && count > below {
            return match bound.is_finite() {
                true => from + (bound - from) * (rank - below) / (count - below),
                false => from,
            };
        }
        (from, below) = (bound, count);
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP frames_rx frames\n# TYPE frames_rx counter\nframes_rx{qos=\"gold\"} 3\n\n\
        # TYPE atp_errors_total counter\natp_errors_total{code=\"EWINDOW\",scope=\"stream\"} 2\n\
        atp_errors_total{code=\"EDRAINING\",scope=\"stream\"} 1\natp_errors_total{code=\"EPROTO\",scope=\"frame\"} 4\n\
        # TYPE request_latency_ms histogram\nrequest_latency_ms_bucket{qos=\"gold\",le=\"2.5\"} 1\n\
        request_latency_ms_bucket{qos=\"gold\",le=\"+Inf\"} 2\nrequest_latency_ms_sum{qos=\"gold\"} 500\n\
        request_latency_ms_count{qos=\"gold\"} 2\n\
        # TYPE fair_sched_wait_ms histogram\nfair_sched_wait_ms_bucket{qos=\"gold\",le=\"10\"} 1\n\
        fair_sched_wait_ms_bucket{qos=\"gold\",le=\"20\"} 3\nfair_sched_wait_ms_bucket{qos=\"gold\",le=\"+Inf\"} 4\n";

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|of| of == line), "no {line:?} in\n{text}");
    }

    #[test]
    fn aliases_carry_the_figures_of_their_series_unless_left_out() {
        let text = complete(TEXT.to_owned(), true);
        has(&text, "# TYPE frames_rx_total counter");
        has(&text, "frames_rx_total{qos=\"gold\"} 3");
        assert!(!complete(TEXT.to_owned(), false).contains("frames_rx_total"));
    }

    #[test]
    fn errors_are_summed_by_the_word_that_http_has_for_them() {
        let text = complete(TEXT.to_owned(), false);
        has(&text, "error_code_backpressure_total 3");
        has(&text, "error_code_invalid_request_total 4");
        has(&text, "error_code_timeout_total 0");
        has(&text, "input_reject_total 4");
        has(&text, "atp_router_errors_total 7");
    }

    #[test]
    fn seconds_are_milliseconds_over_a_thousand() {
        let text = complete(TEXT.to_owned(), false);
        let name = "atp_router_request_duration_seconds";
        has(&text, &format!("{name}_bucket{{qos=\"gold\",le=\"0.0025\"}} 1"));
        has(&text, &format!("{name}_bucket{{qos=\"gold\",le=\"+Inf\"}} 2"));
        has(&text, &format!("{name}_sum{{qos=\"gold\"}} 0.5"));
        has(&text, &format!("{name}_count{{qos=\"gold\"}} 2"));
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let text = complete(TEXT.to_owned(), false);
        has(&text, "fair_sched_wait_ms_p50{qos=\"gold\"} 15");
        has(&text, "fair_sched_wait_ms_p99{qos=\"gold\"} 20");
        assert_eq!(quantile(&[(1.0, 0.0), (f64::INFINITY, 0.0)], 0.5), 0.0);
    }
}
