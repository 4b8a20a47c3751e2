//! Admits a request: decides who does the work, holds what it may cost, and lays out the lanes.

use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use atp_protocol::flow::Ask;
use atp_protocol::ids::{CloneId, LaneId, TenantId};
use atp_protocol::request::{AgentRequest, Dialect};
use atp_protocol::units::{Amount, Millis};
use atp_routing::fib::Candidate;
use atp_routing::plan::{Condition, Conditions, Decision, Input, Lane, Need, Plan, decide};
use atp_routing::policy::{OnSpike, PolicySet};
use atp_routing::reconcile::Strategy;
use atp_routing::scheduler::Item;
use atp_routing::session::{EscalationPlan, LanePlan, ParallelSession, SessionIds, SessionParams, TargetIx};
use tokio::sync::oneshot;
use tracing::Span;

use super::call::Target;
use super::estimates::Estimates;
use super::spend::Spend;
use super::window::{Room, SessionFlow};
use super::{Explained, Facts, Router, RouterSettings};
use crate::adapter::{Directory, Endpoint, Form, Gate};
use crate::persona::{Attendance, Member, Roster};
use crate::scheduler::Slot;
use crate::spans;

/// What the most erratic persona's word counts beside a steady one's.
const RELIABILITY_MIN: f64 = 0.1;

/// When a session that is held back for spending too fast may come again, in milliseconds.
const SPIKE_RETRY_MS: u64 = 60_000;

/// A request that may run.
pub(super) struct Launched {
    pub(super) request: Arc<AgentRequest>,
    pub(super) targets: Vec<Target>,
    pub(super) prompts: Vec<Option<Arc<str>>>,
    /// Who the first lanes act for; empty where they act for nobody.
    pub(super) personas: Vec<Option<Attendance>>,
    /// Every lane's name, escalations last.
    pub(super) lanes: Vec<LaneId>,
    /// Lanes that start at once.
    pub(super) first_lanes: usize,
    pub(super) machine: ParallelSession,
    pub(super) spend: Spend,
    pub(super) slot: Slot,
    /// The session's window, and what the stream has taken of it.
    pub(super) flow: Option<Arc<SessionFlow>>,
    pub(super) room: Option<Room>,
    pub(super) form: Form,
    pub(super) strategy: Strategy,
    /// What all lanes together are expected to use.
    pub(super) estimated: Amount,
    pub(super) accepted: Millis,
    pub(super) span: Span,
}

impl Launched {
    /// Most output tokens the hold pays for, where more could not be paid: an answer in one piece cannot be cut on the way.
    pub(super) fn output_cap(&self, target: &Target) -> Option<u64> {
        let is_whole = !self.request.wants_stream && self.form == Form::Forward;
        (is_whole && self.spend.is_limited()).then(|| {
            target
                .effective
                .tokens
                .saturating_sub(target.estimate.in_tokens)
                .max(1)
        })
    }
}

/// What the planner asks about candidates, from the shared condition of their endpoints.
struct Facing<'a> {
    directory: &'a Directory,
    tenant: &'a TenantId,
    personas: &'a Roster,
    estimates: &'a Estimates,
    now: Millis,
}

impl Facing<'_> {
    /// How the personas a candidate carries out do with it; the mean where it carries out several.
    fn reputation(&self, endpoint: &Endpoint, candidate: &Candidate) -> Option<f64> {
        let owner = endpoint.name.owner.as_ref();
        let members = candidate
            .personas
            .iter()
            .filter_map(|id| self.personas.get(owner, id));
        let (sum, count) = members
            .filter_map(|member| member.standing().with(&candidate.adapter))
            .fold((0.0, 0.0), |(sum, count), score| (sum + score, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }
}

impl Conditions for Facing<'_> {
    fn condition(&self, candidate: &Candidate) -> Condition {
        let Some(endpoint) = self.directory.get(self.tenant, &candidate.adapter) else {
            return Condition {
                breaker_open_ms: Some(1_000),
                ..Condition::default()
            };
        };
        let live = &endpoint.live;
        let past = live.past();
        Condition {
            breaker_open_ms: match live.gate() {
                Gate::Closed | Gate::HalfOpen => None,
                Gate::Open { until } => Some(until.since(self.now)).filter(|ms| *ms > 0),
            },
            status: live.status(),
            window: atp_protocol::units::PartialWindow {
                max_parallel: Some(live.window().saturating_sub(live.in_flight())),
                ..Default::default()
            },
            p95_ms: live.p95_ms().map(f64::from),
            p95_samples: 50,
            error_rate: Some(live.error_rate()),
            surcharge: live.surcharge(),
            mape: past.mape,
            under_rate: past.under_rate,
            is_downgraded: past.is_downgraded,
            successes: past.successes,
            calls: past.calls,
            reputation: self.reputation(&endpoint, candidate),
            ..Condition::default()
        }
    }

    fn estimate(&self, candidate: &Candidate) -> Option<&Estimate> {
        self.estimates.of(candidate)
    }
}

/// Admits `request`, unless its caller has `left` while it waits for its slot.
///
/// # Errors
/// No route, no budget, no slot.
pub(super) async fn launch(
    router: &Rc<Router>,
    request: Arc<AgentRequest>,
    flow: Option<&Arc<SessionFlow>>,
    span: &Span,
    mut left: oneshot::Receiver<()>,
) -> Result<(Facts, Launched), Fault> {
    let accepted = router.world.now();
    let snapshots = &router.registry.snapshots;
    let policy = snapshots.policy();
    let tenant = &request.identity.tenant;
    let fib = snapshots.fib(tenant);
    let mut facing = Facing {
        directory: &router.registry.directory,
        tenant,
        personas: &router.registry.personas,
        estimates: &Estimates::default(),
        now: accepted,
    };
    let mut input = Input::new(accepted, &router.settings.region, &request);
    input.policy_version = policy.version;
    if request
        .native
        .as_ref()
        .is_some_and(|native| native.dialect == Dialect::OpenAiEmbeddings)
    {
        input.required = &["embeddings"];
    }
    if let Some(flow) = flow {
        // More lanes than the session may have at once are not worth planning; tokens and money are for admission.
        input.lanes_max = flow.window().max_parallel.max(1) as usize;
    }
    let begun = router.world.clock.micros();
    let evaluating = spans::request::policy(span, &request);
    let mut decision = decide(&input, &policy.set, &fib, &facing);
    router
        .world
        .meter
        .requests
        .decision_us
        .record((router.world.clock.micros() - begun) as f64);
    spans::request::decided(&evaluating, &decision);
    drop(evaluating);

    let estimates = Estimates::ask(router, &request, &decision).await;
    if !estimates.is_empty() {
        facing.estimates = &estimates;
        let evaluating = spans::request::policy(span, &request);
        decision = decide(&input, &policy.set, &fib, &facing);
        spans::request::decided(&evaluating, &decision);
    }
    let mut spend = hold(router, &request, &decision, span).await;
    if matches!(&spend, Err(fault) if fault.code == Code::Budget)
        && decision.outcome.as_ref().is_ok_and(|plan| plan.lanes.len() > 1)
    {
        // The fan-out does not fit: the primary alone may.
        input.lanes_max = 1;
        decision = decide(&input, &policy.set, &fib, &facing);
        spend = hold(router, &request, &decision, span).await;
    }
    let route_reason: Arc<str> = decision.route_reason().into();
    let decision = Arc::new(decision);
    router.decisions.remember(Explained {
        request: request.id.clone(),
        tenant: request.identity.tenant.clone(),
        decision: Arc::clone(&decision),
        audit: None,
    });
    let mut spend = spend?;
    let plan = decision
        .outcome
        .as_ref()
        .expect("a refusal was returned with the hold");
    let facts = Facts {
        request: request.id.clone(),
        policy_version: policy.version,
        route_reason,
        hold: spend.held(),
        flow: flow.cloned(),
    };
    let entering = tokio::select! {
        biased;
        room = enter(router, &request, plan, flow) => room,
        _ = &mut left => Err(Fault::new(Code::Cancel, "the client has left")),
    };
    let room = match entering {
        Ok(room) => room,
        Err(fault) => {
            spend.release(&request).await;
            return Err(fault);
        }
    };
    let fairness = &router.shared.fairness;
    let item = item(&request, plan, fairness.weight(&request.session), accepted);
    let slot = tokio::select! {
        biased;
        slot = router.scheduler.acquire(item, spans::request::acquire(span, &request)) => slot,
        // The place in the queue goes with the wait for it.
        _ = left => Err(Fault::new(Code::Cancel, "the client has left")),
    };
    let slot = match slot {
        Ok(slot) => {
            fairness.granted(&request, plan.effective());
            slot
        }
        Err(fault) => {
            spend.release(&request).await;
            return Err(fault);
        }
    };
    let mut launched = lay_out(router, request, plan, &policy.set, (spend, slot), accepted)?;
    launched.flow = flow.cloned();
    launched.room = room;
    launched.span = span.clone();
    Ok((facts, launched))
}

/// Takes room in the session's window; a request that is a session by itself needs none.
async fn enter(
    router: &Router,
    request: &AgentRequest,
    plan: &Plan,
    flow: Option<&Arc<SessionFlow>>,
) -> Result<Option<Room>, Fault> {
    let Some(flow) = flow else { return Ok(None) };
    if plan.policy.on_spike == OnSpike::Hold && flow.holds_back(router.world.now(), request.tier) {
        let detail = "the session spends much faster than it did; its new work is held back for a minute";
        return Err(Fault::new(Code::Budget, detail).retry_after(SPIKE_RETRY_MS));
    }
    let ask = Ask {
        calls: u32::try_from(plan.lanes.len()).unwrap_or(u32::MAX),
        need: plan.effective(),
        cap: plan.policy.window,
    };
    let wait_ms = router.settings.scheduler.tiers[request.tier.index()].queue_timeout_ms;
    let room = flow.admit(ask, request.window, wait_ms.min(request.deadline_ms));
    Ok(Some(room.await?))
}

/// What the scheduler is asked for.
fn item(request: &AgentRequest, plan: &Plan, weight: f64, now: Millis) -> Item {
    Item {
        id: request.id.clone(),
        tier: request.tier,
        tenant: request.identity.tenant.clone(),
        session: request.session.clone(),
        cost: plan.effective(),
        weight,
        tenant_weight: 1.0,
        // Taken before, because a session's streams may run on any arbiter.
        window: None,
        deadline: Some(now.plus(request.deadline_ms)),
        is_preemptible: !plan.lanes.iter().any(|lane| lane.is_required),
    }
}

/// One hold for all lanes, on the account and all its ancestors.
async fn hold(
    router: &Router,
    request: &AgentRequest,
    decision: &Decision,
    span: &Span,
) -> Result<Spend, Fault> {
    let plan = decision.outcome.as_ref().map_err(|refusal| refusal.fault())?;
    let Some(account) = &request.identity.account else {
        return Ok(Spend::unaccounted());
    };
    let wanted = plan.effective();
    let check = spans::request::budget(span, request, wanted);
    let held = router
        .ledger
        .hold(request.id.clone(), account.clone(), wanted)
        .await;
    check.record("budget.ok", held.is_ok());
    held.map(Spend::held_by)
        .inspect_err(|fault| spans::request::budget_denied(span, request, wanted, fault))
}

fn lay_out(
    router: &Rc<Router>,
    request: Arc<AgentRequest>,
    plan: &Plan,
    policies: &PolicySet,
    (spend, slot): (Spend, Slot),
    accepted: Millis,
) -> Result<Launched, Fault> {
    let mut targets = Vec::with_capacity(plan.lanes.len());
    let mut target = |candidate: &Arc<Candidate>, need: &Need| -> Option<TargetIx> {
        let endpoint = router
            .registry
            .directory
            .get(&request.identity.tenant, &candidate.adapter)?;
        targets.push(Target {
            candidate: Arc::clone(&candidate.id),
            endpoint,
            model: Arc::clone(&candidate.model),
            price: candidate.price,
            estimate: Estimate {
                in_tokens: need.in_tokens,
                out_tokens: need.out_tokens,
                usd_micros: need.mean.usd_micros,
                ..Estimate::default()
            },
            effective: need.effective,
            is_own_estimate: need.is_adapters,
        });
        Some(TargetIx(targets.len() - 1))
    };
    let mut lanes = Vec::with_capacity(plan.lanes.len());
    let mut prompts = Vec::with_capacity(plan.lanes.len());
    let mut personas: Vec<Option<Attendance>> = Vec::new();
    for lane in &plan.lanes {
        let Some(first) = target(&lane.candidate, &lane.need) else {
            continue;
        };
        let fallbacks = plan
            .fallbacks_for(lane)
            .filter_map(|spare| target(&spare.candidate, &spare.need))
            .collect();
        let member = persona_of(router, &request.identity.tenant, lane);
        lanes.push(lane_plan(lane, first, fallbacks, member.as_deref()));
        if let Some(member) = member {
            personas.resize_with(lanes.len(), || None);
            personas[lanes.len() - 1] = Some(Attendance::new(member));
        }
        let persona = lane
            .persona
            .as_ref()
            .and_then(|persona| policies.persona(persona.as_str()));
        prompts.push(persona.and_then(|persona| persona.prompt.clone()));
    }
    let estimated = plan
        .lanes
        .iter()
        .fold(Amount::ZERO, |sum, lane| sum.plus(lane.need.mean));
    router.world.meter.money.estimated(estimated);
    if lanes.is_empty() {
        return Err(Fault::new(Code::NoRoute, "the chosen adapter has just left; retry").retry_after(100));
    }
    let escalation = plan
        .escalation
        .iter()
        .filter_map(|spare| {
            let target = target(&spare.candidate, &spare.need)?;
            Some(LanePlan::new(LaneId::default(), request.tier, target))
        })
        .collect::<Vec<_>>();
    prompts.resize(lanes.len() + plan.escalation.len(), None);
    let form = form(&request, &targets, &lanes);
    let first_lanes = lanes.len();
    let names = lanes
        .iter()
        .chain(&escalation)
        .map(|plan| plan.lane.clone())
        .collect();
    let machine = ParallelSession::new(params(&router.settings, &request, plan, lanes, escalation))?;
    Ok(Launched {
        request,
        targets,
        prompts,
        personas,
        lanes: names,
        first_lanes,
        machine,
        spend,
        slot,
        flow: None,
        room: None,
        form,
        strategy: plan.strategy,
        estimated,
        accepted,
        span: Span::none(),
    })
}

/// The persona that a lane acts for.
fn persona_of(router: &Router, tenant: &TenantId, lane: &Lane) -> Option<Arc<Member>> {
    let id = lane.persona.as_ref()?;
    let endpoint = router.registry.directory.get(tenant, &lane.candidate.adapter)?;
    router.registry.personas.get(endpoint.name.owner.as_ref(), id)
}

fn lane_plan(lane: &Lane, target: TargetIx, fallbacks: Vec<TargetIx>, persona: Option<&Member>) -> LanePlan {
    let id = LaneId {
        persona: lane.persona.clone(),
        clone: (lane.clone > 1).then_some(CloneId(lane.clone)),
    };
    let mut plan = LanePlan::new(id, lane.tier, target);
    plan.fallbacks = fallbacks;
    plan.weight.base = lane.weight;
    if let Some(persona) = persona {
        let standing = persona.standing();
        plan.weight.reputation = standing.with(&lane.candidate.adapter);
        // Whoever is asked has some say.
        let reliability = standing.reputation.map(|reputation| reputation.reliability);
        plan.weight.reliability = reliability.map_or(1.0, |reliability| reliability.max(RELIABILITY_MIN));
    }
    plan.is_compliance = lane.is_required;
    plan
}

/// A provider's bytes can be forwarded when there is one lane, and everyone who may serve it speaks the client's protocol.
fn form(request: &AgentRequest, targets: &[Target], lanes: &[LanePlan]) -> Form {
    let Some(native) = &request.native else {
        return Form::Read;
    };
    let wanted = match native.dialect {
        Dialect::OpenAiChat | Dialect::OpenAiEmbeddings => "openai",
        Dialect::AnthropicMessages => "anthropic",
        Dialect::Atp => return Form::Read,
    };
    let speaks = |target: &Target| target.endpoint.capability.load().adapter_type == wanted;
    match lanes.len() == 1 && targets.iter().all(speaks) {
        true => Form::Forward,
        false => Form::Read,
    }
}

fn params(
    settings: &RouterSettings,
    request: &AgentRequest,
    plan: &Plan,
    lanes: Vec<LanePlan>,
    escalation: Vec<LanePlan>,
) -> SessionParams {
    let ids = SessionIds {
        session: request.session.clone(),
        stream: request.stream.clone(),
        request: request.id.clone(),
    };
    let policy = &plan.policy;
    let mut params = SessionParams::new(ids, lanes, request.tier);
    params.strategy = plan.strategy;
    params.deadline_ms = plan.deadline_ms;
    params.latency_slo_ms = Some(plan.slo_ms);
    params.thresholds.agree_min = policy.provisional.agree_min;
    params.thresholds.quorum_min = policy.provisional.quorum_min;
    params.provisional.expiry_ms = policy.provisional.expiry_ms;
    params.escalation = EscalationPlan {
        on: policy.escalation.on.clone(),
        max: u8::try_from(escalation.len()).unwrap_or(u8::MAX),
        to: escalation,
        thresholds: plan.thresholds,
    };
    params.timers.idle_ms = settings.idle_ms;
    params.timers.first_chunk_ms = match request.wants_stream {
        true => settings.first_chunk_ms,
        // An answer in one piece comes when it is complete: it has all the time there is.
        false => plan.deadline_ms,
    };
    params.wants_text = request.wants_stream;
    params.expose_lanes = request.meta.expose_lanes;
    params.allow_partial = true;
    params
}
