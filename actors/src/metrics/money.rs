//! Budgets, their journal, what was spent, and how well that was foreseen (atp.md section 17).

use atp_protocol::adapter::UsageSource;
use atp_protocol::estimate::ape;
use atp_protocol::units::{Amount, Tier};
use atp_routing::budget::home::{Granted, HomeRefusal};
use metrics::{Counter, Gauge, Histogram};

use super::capped::Capped;
use super::register::Register;

/// Series of one tenant. Gauges of what is left are of tenants that have a limit.
pub struct TenantSeries {
    register: Register,
    tenant: String,
    /// Dollars per minute, over five minutes.
    pub burn_rate: Gauge,
    /// Micro-dollars used above a hold with no room left.
    pub overrun_usd_micros: Counter,
}

impl TenantSeries {
    fn new(register: &Register, tenant: &str) -> Self {
        let labels = [("tenant", tenant)];
        Self {
            burn_rate: register.gauge("budget_burn_rate_usd_per_min", &labels),
            overrun_usd_micros: register.counter("budget_overrun_usd_micros_total", &labels),
            register: register.clone(),
            tenant: tenant.to_owned(),
        }
    }

    /// Says what is left; what has no limit is not told.
    pub fn remaining(&self, tokens: Option<u64>, usd_micros: Option<u64>) {
        let labels = [("tenant", self.tenant.as_str())];
        let tell = |name, left: Option<u64>| {
            if let Some(left) = left {
                self.register.gauge(name, &labels).set(left as f64);
            }
        };
        tell("budget_remaining_tokens", tokens);
        tell("budget_remaining_usd_micros", usd_micros);
    }
}

/// Series of money.
pub struct Money {
    /// Holds taken.
    pub holds: Counter,
    refusals: [Counter; 3],
    settlements: [Counter; 3],
    /// Holds that were gone before they were settled; must stay 0.
    pub lost_settlements: Counter,
    /// Must stay 0.
    pub invariant_violations: Counter,
    /// Records written to the ledger journal.
    pub journal_appends: Counter,
    /// Accounts that the node has a lease of.
    pub leases: Gauge,
    /// Of those, the ones that may not be spent from because home has not renewed them.
    pub leases_lapsed: Gauge,
    /// Tokens and micro-dollars leased with a limit, and neither spent nor held.
    pub lease_free_tokens: Gauge,
    /// See [`Self::lease_free_tokens`].
    pub lease_free_usd_micros: Gauge,
    /// Requests that wait for home at this moment.
    pub waiting: Gauge,
    /// Requests that had to wait for home.
    pub lease_waits: Counter,
    /// Reports of usage made.
    pub lease_reports: Counter,
    grants: [Counter; 3],
    /// Tenants by name.
    pub tenants: Capped<TenantSeries>,
    cost: [Counter; 3],
    estimate: [Histogram; 2],
    mape: [Histogram; 2],
    under: [Counter; 2],
}

impl Money {
    pub(super) fn new(register: &Register) -> Self {
        let sources = [
            UsageSource::Reported,
            UsageSource::Estimated,
            UsageSource::Unknown,
        ];
        let of = register.clone();
        Self {
            holds: register.counter("budget_holds_total", &[]),
            refusals: ["parallel", "tokens", "usd"]
                .map(|component| register.counter("budget_refusals_total", &[("component", component)])),
            settlements: sources.map(|source| {
                register.counter("budget_settlements_total", &[("source", source_name(source))])
            }),
            lost_settlements: register.counter("budget_lost_settlements_total", &[]),
            invariant_violations: register.counter("budget_invariant_violations_total", &[]),
            journal_appends: register.counter("journal_appends_total", &[]),
            leases: register.gauge("budget_leases", &[]),
            leases_lapsed: register.gauge("budget_leases_lapsed", &[]),
            lease_free_tokens: register.gauge("budget_lease_free_tokens", &[]),
            lease_free_usd_micros: register.gauge("budget_lease_free_usd_micros", &[]),
            waiting: register.gauge("budget_lease_waiting", &[]),
            lease_waits: register.counter("budget_lease_waits_total", &[]),
            lease_reports: register.counter("budget_lease_reports_total", &[]),
            grants: ["granted", "refused", "unanswered"]
                .map(|outcome| register.counter("budget_lease_grants_total", &[("outcome", outcome)])),
            tenants: Capped::new(move |tenant| TenantSeries::new(&of, tenant)),
            cost: [
                "cost_usd_total_qos_gold",
                "cost_usd_total_qos_silver",
                "cost_usd_total_qos_bronze",
            ]
            .map(|name| register.counter(name, &[])),
            estimate: ["router_estimate_tokens", "router_estimate_usd_micros"]
                .map(|name| register.histogram(name, &[])),
            mape: ["router_estimate_mape_tokens", "router_estimate_mape_usd"]
                .map(|name| register.histogram(name, &[])),
            under: [
                "router_estimate_under_rate_tokens_total",
                "router_estimate_under_rate_usd_total",
            ]
            .map(|name| register.counter(name, &[])),
        }
    }

    /// A hold was settled.
    pub fn settled(&self, source: UsageSource) {
        self.settlements[source as usize].increment(1);
    }

    /// A hold was refused for want of the component at `index` of `Component::ALL`.
    pub fn refused(&self, component: usize) {
        self.refusals[component].increment(1);
    }

    /// Home was asked for a lease.
    pub fn granted(&self, answer: &Result<Granted, HomeRefusal>) {
        let at = match answer {
            Ok(_) => 0,
            Err(HomeRefusal::Refused { .. } | HomeRefusal::Ended) => 1,
            Err(HomeRefusal::Unavailable(_) | HomeRefusal::Unknown(_)) => 2,
        };
        self.grants[at].increment(1);
    }

    /// A request is expected to use so much, all lanes together.
    pub fn estimated(&self, amount: Amount) {
        self.estimate[0].record(amount.tokens as f64);
        self.estimate[1].record(amount.usd_micros as f64);
    }

    /// A request of `tier` was charged `usd_micros`.
    pub fn spent(&self, tier: Tier, usd_micros: u64) {
        self.cost[tier.index()].increment(usd_micros);
    }

    /// A request that succeeded used `actual`.
    pub fn foreseen(&self, estimated: Amount, actual: Amount) {
        self.mape[0].record(ape(estimated.tokens, actual.tokens));
        self.mape[1].record(ape(estimated.usd_micros, actual.usd_micros));
        self.under[0].increment(u64::from(actual.tokens > estimated.tokens));
        self.under[1].increment(u64::from(actual.usd_micros > estimated.usd_micros));
    }
}

const fn source_name(source: UsageSource) -> &'static str {
    match source {
        UsageSource::Reported => "reported",
        UsageSource::Estimated => "estimated",
        UsageSource::Unknown => "unknown",
    }
}
