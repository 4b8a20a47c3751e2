//! Admits a request: decides who does the work, holds what it may cost, and waits for its turn.

use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use atp_protocol::flow::Ask;
use atp_protocol::ids::{LaneId, TenantId};
use atp_protocol::request::{AgentRequest, Dialect};
use atp_protocol::units::{Amount, Millis};
use atp_routing::fib::Candidate;
use atp_routing::plan::{Condition, Conditions, Decision, Input, Plan, decide};
use atp_routing::policy::OnSpike;
use atp_routing::reconcile::{Demand, Strategy};
use atp_routing::scheduler::Item;
use atp_routing::session::ParallelSession;
use tokio::sync::oneshot;
use tracing::Span;

use super::call::Target;
use super::estimates::Estimates;
use super::layout::{Layout, lay_out};
use super::spend::{Spend, output_of_each};
use super::strategies::Strategies;
use super::window::{Room, SessionFlow};
use super::{Explained, Facts, Router};
use crate::adapter::{Directory, Endpoint, Form, Gate};
use crate::decided::Decided;
use crate::persona::{Attendance, Roster};
use crate::scheduler::Slot;
use crate::spans;

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
    /// The policy that the strategy was chosen under, where it was left to the router.
    pub(super) adaptive: Option<Arc<str>>,
    /// What all lanes together are expected to use.
    pub(super) estimated: Amount,
    pub(super) accepted: Millis,
    pub(super) span: Span,
}

impl Launched {
    /// Most output tokens of each choice that the hold pays for, where more could not be paid: an answer in one piece
    /// cannot be cut on the way.
    pub(super) fn output_cap(&self, target: &Target) -> Option<u64> {
        let is_limited = !self.request.wants_stream && self.spend.is_limited();
        let choices = match self.form {
            Form::Forward => self.request.choices,
            Form::Read => 1,
        };
        is_limited.then(|| output_of_each(target.effective, target.estimate.in_tokens, choices))
    }
}

/// What the planner asks about candidates, from the shared condition of their endpoints.
struct Facing<'a> {
    directory: &'a Directory,
    tenant: &'a TenantId,
    personas: &'a Roster,
    estimates: &'a Estimates,
    strategies: &'a Strategies,
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
            window: live.left(),
            turn_ms: live.wait_ms(self.now),
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

    fn strategy(&self, policy: &str, demand: &Demand) -> Strategy {
        self.strategies.of(self.now, policy, demand)
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
        strategies: &router.shared.strategies,
        now: accepted,
    };
    let mut input = Input::new(accepted, &router.settings.region, &request);
    input.policy_version = policy.version;
    input.turn_max_ms = router.settings.turn_max_ms(&request);
    if request
        .native
        .as_ref()
        .is_some_and(|native| native.dialect == Dialect::OpenAiEmbeddings)
    {
        input.required = &["embeddings"];
    }
    if let Some(flow) = flow {
        // More lanes than the session may have at once are not worth planning; tokens and money are for admission.
        let window = flow.window();
        input.lanes_max = window.max_parallel.max(1) as usize;
        spans::request::window(span, window);
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
        let alone = decide(&input, &policy.set, &fib, &facing);
        // Fewer lanes where there is no plan for fewer: what the account lacks is the better answer.
        if alone.outcome.is_ok() {
            decision = alone;
            spend = hold(router, &request, &decision, span).await;
        }
    }
    let route_reason: Arc<str> = decision.route_reason().into();
    let decision = Arc::new(decision);
    router.decisions.remember(Explained {
        request: request.id.clone(),
        tenant: request.identity.tenant.clone(),
        decision: Arc::clone(&decision),
        audit: None,
    });
    let held = spend.as_ref().map(Spend::held).map_err(|fault| fault.code);
    router.shared.decision_log.note(Decided::new(
        router.world.clock.unix(),
        &request,
        &decision,
        (policy.version, &route_reason),
        held,
    ));
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
    let layout = match cover(&mut spend, lay_out(router, &request, plan, &policy.set, accepted)).await {
        Ok(layout) => layout,
        Err(fault) => {
            spend.release(&request).await;
            return Err(fault);
        }
    };
    let estimated = plan
        .lanes
        .iter()
        .fold(Amount::ZERO, |sum, lane| sum.plus(lane.need.mean));
    router.world.meter.money.estimated(estimated);
    let adaptive = plan.is_adaptive.then(|| Arc::clone(&plan.policy.id));
    if let Some(policy) = &adaptive {
        let strategies = &router.shared.strategies;
        strategies.follow(router.world.now(), policy, plan.strategy, &router.world.meter);
    }
    let launched = Launched {
        targets: layout.targets,
        prompts: layout.prompts,
        personas: layout.personas,
        lanes: layout.lanes,
        first_lanes: layout.first_lanes,
        machine: layout.machine,
        spend,
        slot,
        flow: flow.cloned(),
        room,
        form: layout.form,
        strategy: plan.strategy,
        adaptive,
        estimated,
        accepted,
        span: span.clone(),
        request,
    };
    Ok((facts, launched))
}

/// Sees to it that the hold covers those who start, who need not be those it was taken for.
async fn cover(spend: &mut Spend, layout: Result<Layout, Fault>) -> Result<Layout, Fault> {
    let layout = layout?;
    let lacking = layout.effective.minus(spend.held());
    if lacking != Amount::ZERO {
        spend.add(lacking).await?;
    }
    Ok(layout)
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
        is_scaled: plan.policy.scale_budget_windows,
    };
    let room = flow.admit(ask, request.window, router.settings.turn_max_ms(request));
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
    held.map(|hold| Spend::held_by(hold, request.budget))
        .inspect_err(|fault| spans::request::budget_denied(span, request, wanted, fault))
}
