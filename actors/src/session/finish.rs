//! From the machine's result to what the reader is told, and what is counted and put on record.

use std::sync::Arc;

use atp_protocol::error::Code;
use atp_protocol::payload::ProvisionalStatus;
use atp_routing::agreement::Mode;
use atp_routing::audit::Event;
use atp_routing::reconcile::{self, Sample};
use atp_routing::session::{self, Failure, FinalAnswer, Provisional, Status};

use super::Router;
use super::drive::Drive;
use super::launch::Launched;
use super::log;
use super::output::{Answer, Consensus, Output, Telemetry, Unanswered};
use crate::metrics::Outcome;
use crate::spans;

/// The last event of a stream.
pub(super) fn output(drive: &Drive, result: Result<FinalAnswer, Failure>) -> Output {
    judge_strategy(drive, &result);
    match result {
        Ok(last) => {
            count_answer(drive, &last);
            let answer = answer(drive, last);
            spans::request::took(&drive.launched.span, &answer.telemetry);
            spans::request::answered(&drive.launched.span, &answer);
            Output::Final(Box::new(answer))
        }
        Err(failure) => {
            let telemetry = telemetry(drive, None);
            spans::request::took(&drive.launched.span, &telemetry);
            spans::request::fail(&drive.launched.span, &failure.fault);
            Output::Failed(Box::new(Unanswered {
                fault: failure.fault,
                partial: failure
                    .partial
                    .map(|partial| partial.text)
                    .filter(|text| !text.is_empty()),
                telemetry,
            }))
        }
    }
}

/// Remembers how the strategy did that was chosen for the request. A client that left says nothing about it.
fn judge_strategy(drive: &Drive, result: &Result<FinalAnswer, Failure>) {
    let launched = &drive.launched;
    let is_over = |failure: &Failure| failure.fault.code != Code::Cancel;
    let Some(policy) = launched
        .adaptive
        .as_ref()
        .filter(|_| result.as_ref().err().is_none_or(is_over))
    else {
        return;
    };
    let sample = Sample {
        is_success: result.is_ok(),
        latency_ms: drive.router.world.now().since(launched.accepted) as f64,
        quality: result.as_ref().ok().and_then(|last| last.confidence),
    };
    let strategies = &drive.router.shared.strategies;
    strategies.observe(policy, launched.strategy, &sample);
}

fn answer(drive: &Drive, last: FinalAnswer) -> Answer {
    let reconcile::Answer {
        text,
        data,
        findings,
        tool_calls,
        model,
        finish_reason,
        body,
    } = last.answer;
    let unsent = text
        .get(last.sent..)
        .filter(|rest| !rest.is_empty())
        .map(str::to_owned);
    let parts = (!last.parts.is_empty()).then(|| parts(&last.parts));
    let mut telemetry = telemetry(drive, model);
    telemetry.escalations = u32::from(last.escalations);
    Answer {
        body,
        is_forwarded: drive.is_forwarded(),
        text: (!text.is_empty()).then_some(text),
        unsent,
        data,
        findings,
        parts,
        tool_calls,
        consensus: (drive.launched.lanes.len() > 1).then(|| consensus(last.consensus)),
        confidence: last.confidence,
        finish_reason,
        partial_failure: last.is_partial_failure,
        aborted: last.aborted,
        telemetry,
    }
}

fn parts(parts: &[reconcile::Part]) -> serde_json::Value {
    parts
        .iter()
        .map(|part| {
            serde_json::json!({
                "persona_id": part.lane.persona,
                "clone_id": part.lane.clone,
                "weight": part.weight,
                "text": part.text,
            })
        })
        .collect()
}

fn consensus(from: reconcile::Consensus) -> Consensus {
    Consensus {
        strategy: from.strategy.as_str().into(),
        agreement: from.agreement,
        mode: match from.mode {
            Mode::Findings => "findings".into(),
            Mode::Lexical => "lexical".into(),
        },
        uncertainties: from.uncertainties,
        lanes_used: u32::try_from(from.lanes_used).unwrap_or(u32::MAX),
        lanes_failed: u32::try_from(from.lanes_failed).unwrap_or(u32::MAX),
    }
}

/// The name of an `agent.event`.
pub(super) const fn event_name(event: session::Event) -> &'static str {
    match event {
        session::Event::LaneFailed => "lane_failed",
        session::Event::Escalate => "escalate",
        session::Event::ModelSwitch => "model_switch",
        session::Event::EarlyTermination => "early_termination",
        session::Event::Preempted => "preempted",
    }
}

/// A result that may still be revised.
pub(super) fn provisional(drive: &Drive, shown: Provisional) -> Output {
    let reconcile::Answer {
        text,
        data,
        findings,
        tool_calls,
        model,
        finish_reason,
        ..
    } = shown.answer;
    let answer = Answer {
        text: (!text.is_empty()).then_some(text),
        data,
        findings,
        tool_calls,
        parts: (!shown.parts.is_empty()).then(|| parts(&shown.parts)),
        consensus: Some(consensus(shown.consensus)),
        confidence: Some(shown.confidence),
        finish_reason,
        telemetry: telemetry(drive, model),
        ..Answer::default()
    };
    Output::Provisional {
        answer: Box::new(answer),
        revision: shown.revision,
        status: match shown.status {
            Status::Provisional => ProvisionalStatus::Provisional,
            Status::Upgraded => ProvisionalStatus::Upgraded,
            Status::Downgraded => ProvisionalStatus::Downgraded,
        },
        is_incremental: shown.is_incremental,
        expiry_ms: shown.expiry_ms,
    }
}

fn telemetry(drive: &Drive, model: Option<String>) -> Telemetry {
    let used = drive.used();
    let launched = &drive.launched;
    Telemetry {
        in_tokens: used.in_tokens,
        out_tokens: used.out_tokens,
        usd_micros: used.usd_micros,
        source: Some(used.source),
        latency_ms: drive.router.world.now().since(launched.accepted),
        model_used: model.or_else(|| launched.targets.first().map(|target| target.model.to_string())),
        route_path: launched
            .targets
            .iter()
            .map(|target| target.candidate.to_string())
            .collect(),
        escalations: 0,
        is_replay: false,
    }
}

fn count_answer(drive: &Drive, last: &FinalAnswer) {
    let answers = &drive.router.world.meter.answers;
    let consensus = &last.consensus;
    answers.reconciled(consensus.strategy);
    if drive.launched.lanes.len() > 1 {
        let (strategy, agreement) = (consensus.strategy.as_str(), consensus.agreement);
        let request = &drive.launched.request;
        spans::request::consensus(&drive.merging, request, strategy, agreement, last.confidence);
    }
    if let Some(agreement) = consensus.agreement {
        answers.agreed(agreement, consensus.mode, consensus.uncertainties.len());
        if let Some(confidence) = last.confidence {
            answers.confident(drive.router.world.now(), confidence);
        }
    }
}

/// Counts what the request was charged, drains included, and how well that was foreseen.
pub(super) fn count_cost(router: &Router, launched: &Launched) {
    let Launched {
        request,
        machine,
        estimated,
        spend,
        ..
    } = launched;
    let money = &router.world.meter.money;
    let used = spend.used().amount();
    money.spent(request.tier, used.usd_micros);
    if machine.audit().is_some_and(|audit| audit.failure.is_none()) {
        money.foreseen(*estimated, used);
    }
}

/// Puts on record how the lanes fared: for `explain`, and where there were several for good.
pub(super) fn record(router: &Router, launched: &Launched) {
    let Some(audit) = launched.machine.audit() else {
        return;
    };
    let asked = audit.lanes.iter().filter(|lane| lane.dispatched_ms.is_some());
    if asked.count() > 1 {
        router.world.audit.note(Event::Reconciled {
            tenant: launched.request.identity.tenant.clone(),
            record: Arc::clone(audit),
        });
    }
    router.decisions.ended(&launched.request.id, Arc::clone(audit));
}

/// Counts the request.
pub(super) fn count(drive: &Drive) {
    let launched = &drive.launched;
    let ignored = launched.machine.audit().map_or(0, |audit| audit.ignored);
    drive.router.world.meter.ignored.increment(u64::from(ignored));
    let failed = launched.machine.audit().and_then(|audit| audit.failure);
    let outcome = match failed {
        None => Outcome::Ok,
        Some(Code::Cancel) => Outcome::Cancelled,
        Some(_) => Outcome::Error,
    };
    let elapsed = drive.router.world.now().since(launched.accepted);
    log::ended(&drive.router.world, &launched.request, failed, elapsed);
    drive
        .router
        .world
        .meter
        .requests
        .ended(launched.request.tier, outcome, elapsed as f64);
}
