//! Hard filters (routing.md section 5): the first constraint a candidate violates is its one reason.

use atp_protocol::adapter::AgentStatus;
use atp_protocol::request::{AgentRequest, Demand, Quality};
use atp_protocol::units::{Tier, Window};

use super::input::{Condition, Input};
use super::need::Need;
use super::reason::Reason;
use super::score::p95_ms;
use crate::fib::{Candidate, holds};
use crate::policy::{Policy, Relaxation};

/// Share of failed calls above which an adapter is unhealthy (atp.md 22.5).
const ERROR_RATE_MAX: f64 = 0.2;

/// Share of the context a request may fill.
const CONTEXT_SHARE_MAX: f64 = 0.95;

/// How far beyond the objective a latency may lie; up to there the score decides.
const SLO_BAND: f64 = 1.25;

/// Everything a filter may look at.
pub(super) struct Facts<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) policy: &'a Policy,
    pub(super) limits: &'a Limits,
    pub(super) candidate: &'a Candidate,
    pub(super) condition: &'a Condition,
    pub(super) need: &'a Need,
    /// What the request demands of its answer.
    pub(super) demands: &'a [Demand],
    pub(super) tier: Tier,
}

/// The limits that may give way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Latency objective in milliseconds.
    pub(super) slo_ms: f64,
    /// Least predicted quality.
    pub(super) quality_floor: f64,
    /// Most a lane may cost in micro-dollars; `None` is no limit.
    pub(super) cost_ceiling: Option<u64>,
}

impl Limits {
    /// What request and policy ask for. A ceiling is the lower of the two; objective and floor are the policy's where it
    /// names them.
    pub(super) fn new(request: &AgentRequest, policy: &Policy) -> Self {
        let constraints = &policy.constraints;
        let floor = match request.content.quality {
            Quality::Fast => 0.60,
            Quality::Balanced => 0.75,
            Quality::High => 0.85,
        };
        let ceilings = [request.max_cost_usd_micros, constraints.max_cost_usd_micros];
        Self {
            slo_ms: constraints
                .latency_slo_ms
                .unwrap_or(request.latency_slo_ms)
                .max(1) as f64,
            quality_floor: constraints.quality_min.unwrap_or(floor),
            cost_ceiling: ceilings.into_iter().flatten().min(),
        }
    }

    pub(super) fn relax(&mut self, relaxation: Relaxation, tenant_max_usd_micros: u64) {
        match relaxation {
            Relaxation::LatencySlo => self.slo_ms *= 2.0,
            Relaxation::QualityFloor => self.quality_floor -= 0.10,
            Relaxation::CostCeiling => {
                self.cost_ceiling = self
                    .cost_ceiling
                    .map(|ceiling| ceiling.max(tenant_max_usd_micros));
            }
        }
    }
}

type Check = (Reason, fn(&Facts<'_>) -> bool);

/// The constraints in the specified order; each function says whether it is violated.
const CHECKS: [Check; 20] = [
    (Reason::Unhealthy, is_unhealthy),
    (Reason::Paused, is_paused),
    (Reason::Draining, |f| f.condition.status == AgentStatus::Draining),
    (Reason::BreakerOpen, |f| f.condition.breaker_open_ms.is_some()),
    (Reason::Lifecycle, |f| !f.candidate.lifecycle.serves()),
    (Reason::TenantVrf, is_of_another_tenant),
    (Reason::DataScope, lacks_data_scope),
    (Reason::RegionResidency, is_outside_regions),
    (Reason::SecurityGroup, lacks_security_group),
    (Reason::SafetyGrade, |f| {
        f.candidate.safety_grade < f.policy.constraints.safety_min
    }),
    (Reason::Capability, lacks_capability),
    (Reason::Demand, |f| {
        f.demands.iter().any(|demand| f.candidate.lacks.contains(demand))
    }),
    (Reason::ToolPermission, lacks_tool),
    (Reason::ContextOverflow, overflows_context),
    (Reason::QosFit, |f| !f.candidate.serves(f.tier)),
    (Reason::Window, exceeds_window),
    (Reason::LatencySlo, |f| {
        p95_ms(f.candidate, f.condition).is_some_and(|p95| p95 > SLO_BAND * f.limits.slo_ms)
    }),
    (Reason::QualityFloor, |f| {
        f.candidate
            .quality_pred
            .is_some_and(|quality| quality < f.limits.quality_floor)
    }),
    (Reason::CostCeiling, |f| {
        f.limits
            .cost_ceiling
            .is_some_and(|ceiling| f.need.effective.usd_micros > ceiling)
    }),
    (Reason::Budget, |f| {
        !f.need.effective.fits(f.input.available.min(f.policy.budget))
    }),
];

/// The first constraint violated, in the order of [`Reason`].
pub(super) fn first_reason(facts: &Facts<'_>) -> Option<Reason> {
    CHECKS
        .iter()
        .find(|(_, is_violated)| is_violated(facts))
        .map(|&(reason, _)| reason)
}

fn is_unhealthy(facts: &Facts<'_>) -> bool {
    let reported = facts
        .candidate
        .liveness
        .health()
        .and_then(|health| health.error_rate);
    let error_rate = facts.condition.error_rate.or(reported);
    facts.candidate.liveness.freshness(facts.input.now).is_none()
        || error_rate.is_some_and(|rate| rate > ERROR_RATE_MAX)
}

fn is_paused(facts: &Facts<'_>) -> bool {
    match facts.condition.status {
        AgentStatus::Ready | AgentStatus::Draining => false,
        AgentStatus::Busy => true,
        AgentStatus::Pause => facts
            .condition
            .past_grace_ms
            .is_some_and(|past_ms| facts.tier != Tier::Gold || past_ms >= facts.policy.pause_override_ms),
    }
}

fn is_of_another_tenant(facts: &Facts<'_>) -> bool {
    facts
        .candidate
        .tenants
        .as_deref()
        .is_some_and(|tenants| !holds(tenants, facts.input.request.identity.tenant.as_str()))
}

/// Every label must be one the candidate may see and the tenant may handle; `label:forbidden` denies outright.
fn lacks_data_scope(facts: &Facts<'_>) -> bool {
    let request = facts.input.request;
    request.meta.data_scope.iter().any(|label| {
        label.ends_with(":forbidden")
            || !holds(&facts.candidate.data_scopes, label)
            || request
                .identity
                .data_scopes
                .as_deref()
                .is_some_and(|allowed| !allowed.contains(label))
    })
}

/// Every region in which the candidate processes data must be allowed, for any of them may get the data.
fn is_outside_regions(facts: &Facts<'_>) -> bool {
    let constraints = &facts.policy.constraints;
    facts.candidate.residency.iter().any(|region| {
        let is_in = |globs: &[crate::policy::Glob]| globs.iter().any(|glob| glob.matches(region));
        (!constraints.regions_any.is_empty() && !is_in(&constraints.regions_any))
            || is_in(&constraints.regions_not)
    })
}

fn lacks_security_group(facts: &Facts<'_>) -> bool {
    let constraints = &facts.policy.constraints;
    let has = |group: &str| holds(&facts.candidate.security_groups, group);
    let any = &constraints.security_groups_any;
    let demanded = &facts.input.request.meta.security_groups;
    (!any.is_empty() && !any.iter().any(|group| has(group)))
        || !constraints.security_groups_all.iter().all(|group| has(group))
        || !demanded.iter().all(|group| has(group))
}

fn lacks_capability(facts: &Facts<'_>) -> bool {
    let constraints = &facts.policy.constraints;
    let has = |word: &str| holds(&facts.candidate.capabilities, word);
    let any = &constraints.capabilities_any;
    let languages = &facts.candidate.languages;
    let speaks = |language: &String| languages.is_empty() || holds(languages, language);
    (!any.is_empty() && !any.iter().any(|word| has(word)))
        || !constraints.capabilities_all.iter().all(|word| has(word))
        || !facts.input.required.iter().all(|word| has(word))
        || !facts.input.request.meta.languages.iter().all(speaks)
}

/// A request that permits tools by name permits no others; one that names none leaves them to the call.
fn lacks_tool(facts: &Facts<'_>) -> bool {
    let permitted = &facts.input.request.meta.tool_permissions;
    facts.policy.constraints.tools_all.iter().any(|tool| {
        let is_permitted = permitted.is_empty() || permitted.iter().any(|have| **have == **tool);
        !is_permitted || !holds(&facts.candidate.tools, tool)
    })
}

fn overflows_context(facts: &Facts<'_>) -> bool {
    facts
        .candidate
        .context_tokens
        .is_some_and(|context| facts.need.mean.tokens as f64 >= CONTEXT_SHARE_MAX * context as f64)
}

fn exceeds_window(facts: &Facts<'_>) -> bool {
    let left = facts.input.window.narrowed(facts.policy.window);
    facts.condition.turn_ms > facts.input.turn_max_ms || exceeds(facts, left.narrowed(facts.condition.window))
}

/// Whether the policy's window alone is too small, whatever ends meanwhile.
pub(super) fn exceeds_policy_window(facts: &Facts<'_>) -> bool {
    exceeds(facts, Window::MAX.narrowed(facts.policy.window))
}

const fn exceeds(facts: &Facts<'_>, window: Window) -> bool {
    let effective = facts.need.effective;
    window.max_parallel == 0
        || effective.tokens > window.max_tokens
        || effective.usd_micros > window.max_usd_micros
}
