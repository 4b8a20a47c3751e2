//! When an answer so far is not good enough (atp.md 21.5).

use crate::policy::{Thresholds, Trigger};

/// Share of the latency objective that may go by without a final, in tenths.
const LATENCY_TENTHS: u64 = 6;

/// What is known of a request's answer so far. `None` is not known, and fires nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Signals {
    /// Confidence in the answer.
    pub confidence: Option<f64>,
    /// Agreement between lanes.
    pub agreement: Option<f64>,
    /// Somebody flagged disagreement.
    pub is_disputed: bool,
    /// A test of a validator failed.
    pub has_failed_tests: bool,
    /// Evidence score of the answer.
    pub evidence: Option<f64>,
    /// Milliseconds since the request began.
    pub elapsed_ms: u64,
    /// A final is there.
    pub has_final: bool,
}

/// The first trigger that fires, of those in `on`, in the order of [`Trigger::ALL`].
#[must_use]
pub fn trigger(signals: &Signals, on: &[Trigger], thresholds: &Thresholds, slo_ms: u64) -> Option<Trigger> {
    let below = |figure: Option<f64>, limit: f64| figure.is_some_and(|figure| figure < limit);
    let fires = |trigger: &Trigger| match trigger {
        Trigger::LowConf => below(signals.confidence, thresholds.low_conf),
        Trigger::Disagreement => signals.is_disputed || below(signals.agreement, thresholds.agree),
        Trigger::DisagreeHigh => below(signals.agreement, thresholds.disagree),
        Trigger::TestFail => signals.has_failed_tests,
        Trigger::WeakCitations => below(signals.evidence, thresholds.evidence),
        Trigger::Latency => {
            let limit = u128::from(slo_ms) * u128::from(LATENCY_TENTHS);
            !signals.has_final && u128::from(signals.elapsed_ms) * 10 > limit
        }
    };
    Trigger::ALL
        .iter()
        .find(|trigger| on.contains(trigger) && fires(trigger))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(signals: Signals) -> Option<Trigger> {
        trigger(&signals, Trigger::ALL, &Thresholds::default(), 1_000)
    }

    #[test]
    fn each_trigger_fires_beyond_its_limit_only() {
        let quiet = Signals {
            confidence: Some(0.6),
            agreement: Some(0.6),
            evidence: Some(0.5),
            elapsed_ms: 600,
            ..Signals::default()
        };
        assert_eq!(fired(Signals::default()), None);
        assert_eq!(fired(quiet), None);
        let with = |change: fn(&mut Signals)| {
            let mut signals = quiet;
            change(&mut signals);
            fired(signals)
        };
        assert_eq!(with(|s| s.confidence = Some(0.59)), Some(Trigger::LowConf));
        assert_eq!(with(|s| s.agreement = Some(0.59)), Some(Trigger::Disagreement));
        assert_eq!(with(|s| s.is_disputed = true), Some(Trigger::Disagreement));
        assert_eq!(with(|s| s.has_failed_tests = true), Some(Trigger::TestFail));
        assert_eq!(with(|s| s.evidence = Some(0.49)), Some(Trigger::WeakCitations));
        assert_eq!(with(|s| s.elapsed_ms = 601), Some(Trigger::Latency));
        assert_eq!(
            with(|s| {
                s.elapsed_ms = 601;
                s.has_final = true;
            }),
            None
        );
    }

    #[test]
    fn confidence_is_checked_first_and_only_what_is_honoured_fires() {
        let bad = Signals {
            confidence: Some(0.0),
            agreement: Some(0.3),
            ..Signals::default()
        };
        assert_eq!(fired(bad), Some(Trigger::LowConf));
        let only = |on: &[Trigger]| trigger(&bad, on, &Thresholds::default(), 1_000);
        assert_eq!(only(&[Trigger::DisagreeHigh]), Some(Trigger::DisagreeHigh));
        assert_eq!(only(&[]), None);
    }
}
