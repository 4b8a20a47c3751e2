//! How lanes became answers (atp.md sections 19 to 21).

use atp_protocol::units::Millis;
use atp_routing::agreement::Mode;
use atp_routing::policy::Trigger;
use atp_routing::reconcile::Strategy;
use atp_routing::session::Withheld;
use metrics::{Counter, Gauge, Histogram};

use super::recent::Recent;
use super::register::Register;

/// Series of reconciliation.
pub struct Answers {
    strategies: [Counter; 7],
    register: Register,
    /// Times escalations became too many.
    pub storms: Counter,
    /// Sessions that showed results before all lanes had ended.
    pub streamed: Counter,
    /// An arbiter was asked for.
    pub arbiters: Counter,
    agreement: Histogram,
    finding_agreement: Histogram,
    disagreements: Histogram,
    confidence: Gauge,
    recent_confidence: Recent,
    escalations: Vec<(Trigger, Counter)>,
}

impl Answers {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            strategies: Strategy::ALL.map(|strategy| {
                register.counter(
                    "reconciliation_strategy_counts",
                    &[("strategy", strategy.as_str())],
                )
            }),
            register: register.clone(),
            storms: register.counter("escalation_storms_total", &[]),
            streamed: register.counter("streaming_reconcile_sessions_total", &[]),
            arbiters: register.counter("arbiter_invocations_total", &[]),
            agreement: register.histogram("agreement_pct", &[]),
            finding_agreement: register.histogram("finding_agreement_pct", &[]),
            disagreements: register.histogram("disagreement_regions_avg", &[]),
            confidence: register.gauge("router_consensus_confidence", &[]),
            recent_confidence: Recent::new(),
            escalations: Trigger::ALL
                .iter()
                .map(|trigger| {
                    let labels = [("reason", trigger.as_str())];
                    (*trigger, register.counter("escalations_total", &labels))
                })
                .collect(),
        }
    }

    /// An answer was made.
    pub fn reconciled(&self, strategy: Strategy) {
        self.strategies[strategy as usize].increment(1);
    }

    /// Lanes agreed so far; `uncertainties` remain.
    pub fn agreed(&self, agreement: f64, mode: Mode, uncertainties: usize) {
        self.agreement.record(agreement);
        if mode == Mode::Findings {
            self.finding_agreement.record(agreement);
        }
        self.disagreements.record(uncertainties as f64);
    }

    /// An answer of several lanes says how sure it is.
    pub fn confident(&self, now: Millis, confidence: f64) {
        self.recent_confidence.record(now, confidence);
    }

    /// A better lane is asked.
    pub fn escalated(&self, trigger: Trigger) {
        if let Some((_, counter)) = self.escalations.iter().find(|(of, _)| *of == trigger) {
            counter.increment(1);
        }
    }

    /// The adaptive strategy of a policy has become another one.
    pub fn switched(&self, from: Strategy, to: Strategy) {
        let labels = [("from", from.as_str()), ("to", to.as_str())];
        self.register
            .counter("strategy_switch_total", &labels)
            .increment(1);
    }

    /// A better lane was not asked.
    pub fn withheld(&self, trigger: Trigger, because: Withheld) {
        let because = match because {
            Withheld::Uneconomic => "uneconomic",
            Withheld::Storm => "storm",
        };
        let labels = [("reason", trigger.as_str()), ("because", because)];
        self.register
            .counter("escalations_withheld_total", &labels)
            .increment(1);
    }

    pub(super) fn publish(&self, now: Millis) {
        self.confidence
            .set(self.recent_confidence.mean(now, 60).unwrap_or(0.0));
    }
}
