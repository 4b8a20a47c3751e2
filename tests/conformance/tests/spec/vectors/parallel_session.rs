//! `parallel_session.json`: basic transitions, order inside a lane, first-win (atp.md 19.3, 19.4, section 20).

use atp_protocol::ids::{CloneId, LaneId, PersonaId, RequestId, SessionId, StreamId};
use atp_protocol::units::{Millis, Tier};
use atp_routing::reconcile::Answer;
use atp_routing::session::{
    Call, Chunk, FinalAnswer, Input, LaneEnd, LaneIx, LanePlan, ParallelSession, Piece, SessionIds,
    SessionParams, State, Step, TargetIx,
};
use serde_json::Value;

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn list(value: &Value) -> Result<&[Value], String> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| format!("{value} is no list"))
}

fn state(name: &str) -> Result<State, String> {
    [
        ("init", State::Init),
        ("dispatched", State::Dispatched),
        ("streaming", State::Streaming),
        ("buffering", State::Buffering),
        ("reconciling", State::Reconciling),
        ("complete", State::Complete),
    ]
    .into_iter()
    .find(|(known, _)| *known == name)
    .map(|(_, state)| state)
    .ok_or_else(|| format!("unknown state {name}"))
}

/// The attempts are of the plain chain; the session itself only ever takes rules.
fn transitions(case: &Value) -> Result<(), String> {
    let mut at = State::Init;
    let mut allowed = Vec::new();
    for attempt in list(&case["attempts"])? {
        let wanted = state(text(attempt)?)?;
        let is_allowed = at.plain_successor() == Some(wanted);
        if is_allowed {
            at = wanted;
        }
        allowed.push(Value::Bool(is_allowed));
    }
    let is_expected = Value::Array(allowed.clone()) == case["expect"] && at == state(text(&case["final"])?)?;
    if is_expected { Ok(()) } else { Err(format!("{allowed:?}, then {at:?}")) }
}

/// A session of `lanes`, all admitted.
fn started(lanes: Vec<LaneId>) -> Result<ParallelSession, String> {
    let ids = SessionIds {
        session: SessionId::new("s").map_err(|error| error.to_string())?,
        stream: StreamId::new("t").map_err(|error| error.to_string())?,
        request: RequestId::new("r").map_err(|error| error.to_string())?,
    };
    let plans: Vec<LanePlan> = lanes
        .into_iter()
        .enumerate()
        .map(|(at, lane)| LanePlan::new(lane, Tier::Silver, TargetIx(at)))
        .collect();
    let count = plans.len();
    let mut session = ParallelSession::new(SessionParams::new(ids, plans, Tier::Silver))
        .map_err(|fault| fault.to_string())?;
    session.handle(Millis(0), Input::Start);
    for lane in 0..count {
        session.handle(Millis(0), Input::LaneAdmitted { lane: LaneIx(lane) });
    }
    Ok(session)
}

fn call(lane: usize) -> Call {
    Call {
        lane: LaneIx(lane),
        attempt: 1,
    }
}

/// Ends a lane; the session's answer if that was what it waited for.
fn end(session: &mut ParallelSession, now: u64, lane: usize, text: &str) -> Option<FinalAnswer> {
    let end = Box::new(LaneEnd {
        rest: Answer {
            text: text.to_owned(),
            ..Answer::default()
        },
        ..LaneEnd::default()
    });
    let input = Input::LaneFinal {
        call: call(lane),
        end,
    };
    session
        .handle(Millis(now), input)
        .into_iter()
        .find_map(|action| match action.step {
            Step::Finish(result) => result.ok(),
            _ => None,
        })
}

fn ordered(case: &Value) -> Result<(), String> {
    let mut session = started(vec![LaneId::default()])?;
    for arrival in list(&case["arrivals"])? {
        let chunk = Chunk {
            seq: arrival["seq"].as_u64().ok_or("no seq")?,
            piece: Piece::Read {
                text: text(&arrival["data"])?.to_owned(),
                data: None,
            },
            tokens: None,
            usage: None,
            confidence: None,
        };
        session.handle(Millis(1), Input::Chunk { call: call(0), chunk });
    }
    let answer = end(&mut session, 2, 0, "").ok_or("the lane's end did not end the session")?;
    if answer.answer.text == text(&case["expect"])? {
        Ok(())
    } else {
        Err(format!("{:?}", answer.answer.text))
    }
}

fn first_win(case: &Value) -> Result<(), String> {
    let mut names = Vec::new();
    let mut lanes = Vec::new();
    for lane in list(&case["lanes"])? {
        let persona = text(&lane["persona_id"])?;
        let clone = lane["clone_id"].as_u64().ok_or("no clone")?;
        names.push(format!("{persona}-{clone}"));
        lanes.push(LaneId {
            persona: Some(PersonaId::new(persona).map_err(|error| error.to_string())?),
            clone: Some(CloneId(u32::try_from(clone).map_err(|error| error.to_string())?)),
        });
    }
    let mut session = started(lanes)?;
    let mut result = None;
    for (at, name) in list(&case["completion_order"])?.iter().enumerate() {
        let name = text(name)?;
        let lane = names
            .iter()
            .position(|known| known == name)
            .ok_or("no such lane")?;
        let answer = end(&mut session, 10 + at as u64, lane, text(&case["outputs"][name])?);
        result = result.or(answer);
    }
    let answer = result.ok_or("no answer")?;
    let winner = answer.winner.map(|lane| names[lane.0].as_str());
    if answer.answer.text == text(&case["result"])? && winner == case["winner"].as_str() {
        Ok(())
    } else {
        Err(format!("{:?} by {winner:?}", answer.answer.text))
    }
}

#[test]
fn sessions_run_order_and_choose_as_specified() {
    super::run("parallel_session", |case| match case["op"].as_str() {
        Some("transitions") => transitions(case),
        Some("ordered") => ordered(case),
        Some("first_win") => first_win(case),
        other => Err(format!("unknown op {other:?}")),
    });
}
