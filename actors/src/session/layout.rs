//! Lays out what a plan decided: the lanes, and who may serve each, of those who are still there.
//!
//! A request may have waited for its slot since it was planned, and adapters come and go meanwhile. A lane whose adapter
//! has left starts with its first fallback. A lane that nobody can serve is left out, unless its persona must be heard.

use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use atp_protocol::ids::{AdapterId, CloneId, LaneId};
use atp_protocol::request::{AgentRequest, Dialect};
use atp_protocol::units::{Amount, Millis};
use atp_routing::fib::Candidate;
use atp_routing::plan::{Lane, Need, Plan};
use atp_routing::policy::PolicySet;
use atp_routing::session::{EscalationPlan, LanePlan, ParallelSession, SessionIds, SessionParams, TargetIx};

use super::call::Target;
use super::{Router, RouterSettings};
use crate::adapter::Form;
use crate::persona::{Attendance, Member};

/// What the most erratic persona's word counts beside a steady one's.
const RELIABILITY_MIN: f64 = 0.1;

/// When a request whose adapters have just left may come again, in milliseconds: by then the tables know.
const LEFT_RETRY_MS: u64 = 100;

/// Lanes that can be started.
pub(super) struct Layout {
    pub(super) targets: Vec<Target>,
    pub(super) prompts: Vec<Option<Arc<str>>>,
    /// Who the first lanes act for; empty where they act for nobody.
    pub(super) personas: Vec<Option<Attendance>>,
    /// Every lane's name, escalations last.
    pub(super) lanes: Vec<LaneId>,
    /// Lanes that start at once.
    pub(super) first_lanes: usize,
    pub(super) machine: ParallelSession,
    pub(super) form: Form,
    /// What those who start at once need held: more than planned where a dearer fallback takes a lane over.
    pub(super) effective: Amount,
}

/// Everybody a request may be sent to.
struct Targets<'r> {
    router: &'r Router,
    request: &'r AgentRequest,
    all: Vec<Target>,
}

impl Targets<'_> {
    /// `None` when the adapter has left.
    fn add(&mut self, candidate: &Candidate, need: &Need) -> Option<TargetIx> {
        let directory = &self.router.registry.directory;
        let endpoint = directory.get(&self.request.identity.tenant, &candidate.adapter)?;
        self.all.push(Target {
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
            turn_max_ms: self.router.settings.turn_max_ms(self.request),
        });
        Some(TargetIx(self.all.len() - 1))
    }

    /// Who serves a lane, the first in line first; empty when nobody is left.
    fn of(&mut self, plan: &Plan, lane: &Lane) -> Vec<TargetIx> {
        let spares = plan
            .fallbacks_for(lane)
            .map(|spare| (&spare.candidate, &spare.need));
        std::iter::once((&lane.candidate, &lane.need))
            .chain(spares)
            .filter_map(|(candidate, need)| self.add(candidate, need))
            .collect()
    }
}

/// Lays out `plan` of a request that was `accepted` then; its time runs from there.
///
/// # Errors
/// `ENOROUTE` when the adapters of all lanes have left, or those of a persona that must be heard.
pub(super) fn lay_out(
    router: &Rc<Router>,
    request: &AgentRequest,
    plan: &Plan,
    policies: &PolicySet,
    accepted: Millis,
) -> Result<Layout, Fault> {
    let mut targets = Targets {
        router,
        request,
        all: Vec::with_capacity(plan.lanes.len()),
    };
    let mut lanes = Vec::with_capacity(plan.lanes.len());
    let mut prompts = Vec::with_capacity(plan.lanes.len());
    let mut personas: Vec<Option<Attendance>> = Vec::new();
    let mut effective = Amount::ZERO;
    for lane in &plan.lanes {
        let mut served_by = targets.of(plan, lane).into_iter();
        let Some(first) = served_by.next() else {
            if lane.is_required {
                return Err(left(
                    "the adapter of a persona that must be heard has just left; retry",
                ));
            }
            continue;
        };
        let target = &targets.all[first.0];
        effective = effective.plus(target.effective);
        let member = persona_of(router, lane, target);
        let adapter = &target.endpoint.name.id;
        lanes.push(lane_plan(
            lane,
            (first, adapter),
            served_by.collect(),
            member.as_deref(),
        ));
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
    if lanes.is_empty() {
        return Err(left("the chosen adapter has just left; retry"));
    }
    let escalation = plan
        .escalation
        .iter()
        .filter_map(|spare| {
            let target = targets.add(&spare.candidate, &spare.need)?;
            Some(LanePlan {
                prospect: Some(spare.prospect),
                ..LanePlan::new(LaneId::default(), request.tier, target)
            })
        })
        .collect::<Vec<_>>();
    let is_hard_only = !escalation.is_empty() && router.shared.storm.request(router.world.now());
    prompts.resize(lanes.len() + plan.escalation.len(), None);
    let targets = targets.all;
    let form = form(request, &targets, &lanes);
    let first_lanes = lanes.len();
    let names = lanes
        .iter()
        .chain(&escalation)
        .map(|plan| plan.lane.clone())
        .collect();
    let left_ms = plan
        .deadline_ms
        .saturating_sub(router.world.now().since(accepted))
        .max(1);
    let mut params = params(&router.settings, request, plan, left_ms, (lanes, escalation));
    params.escalation.is_hard_only = is_hard_only;
    let machine = ParallelSession::new(params)?;
    Ok(Layout {
        targets,
        prompts,
        personas,
        lanes: names,
        first_lanes,
        machine,
        form,
        effective,
    })
}

fn left(detail: &'static str) -> Fault {
    Fault::new(Code::NoRoute, detail).retry_after(LEFT_RETRY_MS)
}

/// The persona that a lane acts for.
fn persona_of(router: &Router, lane: &Lane, target: &Target) -> Option<Arc<Member>> {
    let id = lane.persona.as_ref()?;
    let owner = target.endpoint.name.owner.as_ref();
    router.registry.personas.get(owner, id)
}

fn lane_plan(
    lane: &Lane,
    (target, adapter): (TargetIx, &AdapterId),
    fallbacks: Vec<TargetIx>,
    persona: Option<&Member>,
) -> LanePlan {
    let id = LaneId {
        persona: lane.persona.clone(),
        clone: (lane.clone > 1).then_some(CloneId(lane.clone)),
    };
    let mut plan = LanePlan::new(id, lane.tier, target);
    plan.fallbacks = fallbacks;
    plan.weight.base = lane.weight;
    if let Some(persona) = persona {
        let standing = persona.standing();
        plan.weight.reputation = standing.with(adapter);
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
    left_ms: u64,
    (lanes, escalation): (Vec<LanePlan>, Vec<LanePlan>),
) -> SessionParams {
    let ids = SessionIds {
        session: request.session.clone(),
        stream: request.stream.clone(),
        request: request.id.clone(),
    };
    let policy = &plan.policy;
    let mut params = SessionParams::new(ids, lanes, request.tier);
    params.strategy = plan.strategy;
    params.deadline_ms = left_ms;
    params.latency_slo_ms = Some(plan.slo_ms);
    params.thresholds.agree_min = policy.provisional.agree_min;
    params.thresholds.quorum_min = policy.provisional.quorum_min;
    params.provisional.expiry_ms = policy.provisional.expiry_ms;
    params.escalation = EscalationPlan {
        on: policy.escalation.on.clone(),
        max: u8::try_from(policy.escalation.depth_max.min(escalation.len())).unwrap_or(u8::MAX),
        to: escalation,
        thresholds: plan.thresholds,
        stakes: plan.stakes,
        is_hard_only: false,
    };
    let timeouts = settings.timeouts.load();
    params.timers.idle_ms = timeouts.idle_ms;
    params.timers.first_chunk_ms = match request.wants_stream {
        true => timeouts.first_chunk_ms,
        // An answer in one piece comes when it is complete: it has all the time there is.
        false => left_ms,
    };
    params.wants_text = request.wants_stream;
    params.expose_lanes = request.meta.expose_lanes;
    params.allow_partial = true;
    params
}
