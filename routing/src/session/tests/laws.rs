//! What holds whatever happens.

use std::collections::BTreeMap;

use atp_protocol::adapter::AgentStatus;
use proptest::prelude::{
    Just, Strategy as Generate, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;
use crate::policy::Trigger;
use crate::reconcile::{Rewrite, Strategy};

fn any_params() -> impl Generate<Value = SessionParams> {
    let lanes = prop::collection::vec((any::<bool>(), any::<bool>(), 0_usize..3), 0..5);
    let on = prop::sample::subsequence(
        vec![Trigger::LowConf, Trigger::Disagreement, Trigger::Latency],
        0..=3,
    );
    let flags = prop::array::uniform6(any::<bool>());
    (lanes, flags, on, 0_usize..7, 1_u64..40_000, any::<u64>()).prop_map(
        |(lanes, flags, on, strategy, deadline_ms, seed)| {
            let [
                wants_text,
                expose_lanes,
                is_agreed,
                allow_partial,
                has_arbiter,
                has_fallback,
            ] = flags;
            let mut params = params(lanes.len());
            for (at, (is_required, is_compliance, fallbacks)) in lanes.into_iter().enumerate() {
                let plan = &mut params.lanes[at];
                if at % 2 == 1 {
                    *plan = persona(["q", "r"][at / 2 % 2], at);
                }
                plan.is_required = is_required && at % 2 == 1;
                plan.is_compliance = is_compliance && at == 3 && is_required;
                plan.fallbacks = (0..fallbacks).map(|n| TargetIx(10 + n)).collect();
            }
            params.strategy = Strategy::ALL[strategy];
            params.on_failure = has_fallback.then_some(Strategy::FirstWin);
            params.deadline_ms = deadline_ms;
            params.latency_slo_ms = Some(deadline_ms / 2);
            params.wants_text = wants_text;
            params.expose_lanes = expose_lanes;
            params.provisional.is_agreed = is_agreed;
            params.allow_partial = allow_partial;
            params.arbiter = has_arbiter.then(|| ArbiterSettings::with_estimate(seed % 200_000));
            params.escalation.on = on;
            params.escalation.to = vec![persona("premium", 90), persona("best", 91)];
            params.escalation.max = 2;
            params.reorder_tokens = 8;
            params.seed = seed;
            params
        },
    )
}

/// A chunk says its place, so that order, gaps and duplicates show in what is delivered.
fn numbered(seq: u64, tokens: u32) -> Chunk {
    Chunk {
        tokens: Some(tokens),
        ..chunk(seq, &format!("{seq};"))
    }
}

fn any_input() -> impl Generate<Value = Input> {
    let lane = (0_usize..5).prop_map(LaneIx);
    let calls =
        (0_usize..5, prop_oneof![9 => Just(1_u32), 1 => 2_u32..4]).prop_map(|(lane, at)| call(lane, at));
    let code = prop_oneof![
        Just(Code::AgentDown),
        Just(Code::BadInput),
        Just(Code::Timeout),
        Just(Code::Adapter)
    ];
    let fault = code.prop_map(|code| Fault::new(code, "no"));
    let status = prop_oneof![
        Just(AgentStatus::Ready),
        Just(AgentStatus::Busy),
        Just(AgentStatus::Pause),
        Just(AgentStatus::Draining)
    ];
    let ends = (
        prop::option::weighted(0.2, 0_u64..6),
        prop::option::of(0.0..1.2_f64),
        "[ab]( [ab]){0,2}",
    )
        .prop_map(|(last_seq, confidence, text)| {
            Box::new(LaneEnd {
                last_seq,
                ..*end(&text, confidence)
            })
        });
    prop_oneof![
        6 => lane.clone().prop_map(|lane| Input::LaneAdmitted { lane }),
        1 => (lane.clone(), fault.clone()).prop_map(|(lane, fault)| Input::LaneRejected { lane, fault }),
        4 => calls.clone().prop_map(|call| Input::DispatchOk { call }),
        1 => (calls.clone(), fault.clone()).prop_map(|(call, fault)| Input::DispatchErr { call, fault }),
        16 => (calls.clone(), 0_u64..6, 0_u32..9)
            .prop_map(|(call, seq, tokens)| Input::Chunk { call, chunk: numbered(seq, tokens) }),
        1 => (calls.clone(), 0_u64..6).prop_map(|(call, seq)| {
            let piece = Piece::Forward(bytes::Bytes::from_static(b"data: x"));
            Input::Chunk { call, chunk: Chunk { piece, ..chunk(seq, "") } }
        }),
        6 => (calls.clone(), ends).prop_map(|(call, end)| Input::LaneFinal { call, end }),
        2 => (calls, fault.clone()).prop_map(|(call, fault)| Input::LaneFail { call, fault, usage: Some(usage(1)) }),
        2 => (lane.clone(), status).prop_map(|(lane, status)| Input::AgentStatus { lane, status }),
        1 => fault.prop_map(|fault| Input::ArbiterResult(Err(fault))),
        1 => "[ab]( [ab]){0,2}".prop_map(|text| {
            let answer = Answer { text, ..Answer::default() };
            Input::ArbiterResult(Ok(Box::new(Rewrite { answer, ..Rewrite::default() })))
        }),
        1 => Just(Input::EgressBlocked),
        1 => Just(Input::ClientReady),
        1 => lane.prop_map(|lane| Input::BudgetExhausted { lane }),
        2 => Just(Input::Tick),
    ]
}

fn any_history() -> impl Generate<Value = (SessionParams, Vec<(u64, Input)>)> {
    let steps = prop::collection::vec(
        (prop_oneof![15 => 0_u64..20, 1 => 0_u64..6_000], any_input()),
        0..80,
    );
    let stop = prop::option::weighted(
        0.2,
        prop_oneof![Just(Input::Cancel), Just(Input::Preempt), Just(Input::Drain)],
    );
    (any_params(), steps, stop).prop_map(|(params, mut steps, stop)| {
        let lanes = params.lanes.len();
        let admissions = (0..lanes).map(|lane| (0, Input::LaneAdmitted { lane: LaneIx(lane) }));
        steps.splice(0..0, [(0, Input::Start)].into_iter().chain(admissions));
        steps.extend(stop.map(|stop| (0, stop)));
        (params, steps)
    })
}

/// Runs a history and then only ticks, at the moments the session asks for, until it has ended.
fn run(params: SessionParams, steps: Vec<(u64, Input)>) -> Result<Rig, String> {
    let mut rig = Rig::new(params);
    let mut now = 0;
    for (wait, input) in steps {
        now += wait;
        rig.at(now, input);
        for lane in &rig.session.lanes {
            if lane.reorder.held_tokens() > 2 * 8 + 9 {
                return Err(format!("{} tokens held back", lane.reorder.held_tokens()));
            }
        }
    }
    for _ in 0..1_000 {
        let Some(due) = rig.session.next_deadline() else {
            return Ok(rig);
        };
        now = now.max(due.0);
        rig.at(now, Input::Tick);
        if rig.session.next_deadline().is_some_and(|next| next.0 <= now) {
            return Err(format!(
                "ticked at {now} and still due at {:?}",
                rig.session.next_deadline()
            ));
        }
    }
    Err("ticked 1000 times without an end".to_owned())
}

/// The lane an action is about, unless it is about the session.
fn concerns(step: &Step) -> Option<LaneIx> {
    match step {
        Step::Dispatch { call, .. } | Step::CancelLane { call, .. } => Some(call.lane),
        Step::Pause { lane }
        | Step::Resume { lane }
        | Step::EmitText { lane, .. }
        | Step::EmitLanePartial { lane, .. }
        | Step::Escalate { lane, .. }
        | Step::SettleLane { lane, .. } => Some(*lane),
        Step::EmitEvent { .. }
        | Step::EmitProvisional(_)
        | Step::CallArbiter { .. }
        | Step::Withhold { .. }
        | Step::Finish(_) => None,
    }
}

/// Places of the chunks in a text, which ends with what came with the lane's end.
fn places(text: &str) -> Vec<u64> {
    text.split_inclusive(';')
        .filter_map(|part| part.strip_suffix(';')?.parse().ok())
        .collect()
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(256))]

    #[test]
    fn every_session_finishes_exactly_once_and_says_nothing_after((params, steps) in any_history()) {
        let rig = run(params, steps).map_err(proptest::test_runner::TestCaseError::fail)?;
        let finishes = rig.log.iter().filter(|action| matches!(action.step, Step::Finish(_))).count();
        prop_assert_eq!(finishes, 1);
        prop_assert!(matches!(rig.log.last().unwrap().step, Step::Finish(_)));
        prop_assert!(rig.session.audit().is_some());
        prop_assert!(rig.state().is_terminal());
    }

    #[test]
    fn a_lane_is_settled_once_and_then_left_alone((params, steps) in any_history()) {
        let rig = run(params, steps).map_err(proptest::test_runner::TestCaseError::fail)?;
        let mut settled = BTreeMap::new();
        for action in &rig.log {
            let Some(lane) = concerns(&action.step) else { continue };
            prop_assert!(!settled.contains_key(&lane), "{:?} after lane {} was settled", action, lane.0);
            if let Step::SettleLane { outcome, .. } = &action.step {
                prop_assert!(outcome.state.is_terminal());
                settled.insert(lane, outcome.state);
            }
        }
        for (at, lane) in rig.session.lanes.iter().enumerate() {
            prop_assert!(lane.state.is_terminal());
            prop_assert_eq!(settled.get(&LaneIx(at)).copied(), settled.contains_key(&LaneIx(at)).then_some(lane.state));
            prop_assert_eq!(lane.attempt > 0, lane.times.dispatched.is_some());
            if lane.attempt > 0 {
                prop_assert!(settled.contains_key(&LaneIx(at)), "lane {} was called and never settled", at);
            }
        }
    }

    #[test]
    fn text_goes_out_in_order_without_gap_or_duplicate((params, steps) in any_history()) {
        let is_native = |(_, input): &(u64, Input)| {
            matches!(input, Input::Chunk { chunk, .. } if matches!(chunk.piece, Piece::Forward(_)))
        };
        let has_native = steps.iter().any(is_native);
        let rig = run(params, steps).map_err(proptest::test_runner::TestCaseError::fail)?;
        let mut merged: BTreeMap<LaneIx, String> = BTreeMap::new();
        let mut own: BTreeMap<LaneIx, String> = BTreeMap::new();
        for action in &rig.log {
            let (into, lane, piece) = match &action.step {
                Step::EmitText { lane, piece } => (&mut merged, lane, piece),
                Step::EmitLanePartial { lane, piece } => (&mut own, lane, piece),
                _ => continue,
            };
            if let Piece::Read { text, .. } = piece {
                into.entry(*lane).or_default().push_str(text);
            }
        }
        prop_assert!(merged.len() <= 1, "the default lane carries one lane's text");
        for (lane, text) in merged.iter().chain(&own) {
            let whole = &rig.session.lanes[lane.0].answer.text;
            prop_assert!(whole.starts_with(text.as_str()), "{text:?} is not how {whole:?} begins");
        }
        for lane in &rig.session.lanes {
            let places = places(&lane.answer.text);
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", places);
            let missing = places.last().map_or(0, |last| last - places.len() as u64);
            prop_assert!(missing == 0 || has_native || lane.reorder.gaps > 0, "{:?} without a gap on record", places);
        }
        if let Step::Finish(result) = &rig.log.last().unwrap().step
            && let Ok(answer) = result.as_ref()
        {
            let sent = merged.values().next().map_or("", String::as_str);
            prop_assert!(answer.is_replacing || answer.answer.text.starts_with(sent));
            prop_assert!(answer.is_replacing || answer.sent == sent.len());
            prop_assert!(!answer.is_replacing || rig.session.params.provisional.is_agreed);
        }
    }

    #[test]
    fn provisional_results_keep_their_pace_and_number((params, steps) in any_history()) {
        let is_agreed = params.provisional.is_agreed;
        let rig = run(params, steps).map_err(proptest::test_runner::TestCaseError::fail)?;
        let revisions: Vec<u32> = rig.provisionals().iter().map(|it| it.revision).collect();
        prop_assert!(is_agreed || revisions.is_empty());
        prop_assert!(revisions.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1));
        prop_assert!(rig.provisionals().iter().all(|it| (0.0..=1.0).contains(&it.confidence)));
    }

    #[test]
    fn the_same_history_yields_the_same_actions((params, steps) in any_history()) {
        let first = run(params.clone(), steps.clone()).map_err(proptest::test_runner::TestCaseError::fail)?;
        let second = run(params, steps).map_err(proptest::test_runner::TestCaseError::fail)?;
        prop_assert_eq!(first.log, second.log);
    }
}
