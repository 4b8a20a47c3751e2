//! Which better lane is worth asking, and when none is (routing.md section 13).

use super::*;
use crate::plan::{Prospect, Stakes};
use crate::policy::Trigger;

/// A better lane of which this is expected.
fn better(name: &str, index: usize, success: f64, usd_micros: u64, p95_ms: Option<f64>) -> LanePlan {
    LanePlan {
        prospect: Some(Prospect {
            success,
            usd_micros,
            p95_ms,
        }),
        ..persona(name, index)
    }
}

/// One lane that may escalate to these; a right answer is worth 10 000 micro-dollars.
fn escalating(on: &[Trigger], to: Vec<LanePlan>) -> SessionParams {
    let mut params = params(1);
    params.escalation.on = on.to_vec();
    params.escalation.to = to;
    params.escalation.stakes = Stakes::new(Some(10_000), Some(1_000), 2_000.0);
    params
}

fn asked(rig: &Rig) -> Vec<(usize, Trigger)> {
    let steps = rig.log.iter().map(|action| &action.step);
    steps
        .filter_map(|step| match step {
            Step::Escalate { target, trigger, .. } => Some((target.0, *trigger)),
            _ => None,
        })
        .collect()
}

fn withheld(rig: &Rig) -> Vec<(Trigger, Withheld)> {
    let steps = rig.log.iter().map(|action| &action.step);
    steps
        .filter_map(|step| match step {
            Step::Withhold { trigger, because } => Some((*trigger, *because)),
            _ => None,
        })
        .collect()
}

/// After a first answer of this confidence.
fn after(params: SessionParams, confidence: f64) -> Rig {
    let mut rig = Rig::started(params);
    rig.end(5, 0, "guess", Some(confidence));
    rig
}

#[test]
fn the_first_lane_that_is_worth_it_is_asked() {
    // A guess of confidence 0.5 is right every second time; 0.9 gains 4 000.
    let to = || {
        vec![
            better("dear", 90, 0.9, 4_000, Some(100.0)),
            better("fair", 91, 0.9, 3_000, Some(100.0)),
        ]
    };
    let rig = after(escalating(&[Trigger::LowConf], to()), 0.5);
    assert_eq!(asked(&rig), [(91, Trigger::LowConf)]);
    assert_eq!(withheld(&rig), []);
    let rig = after(escalating(&[Trigger::LowConf], to()), 0.2);
    assert_eq!(
        asked(&rig),
        [(90, Trigger::LowConf)],
        "the worse the guess, the more it gains"
    );
}

#[test]
fn a_doubtful_answer_stands_where_no_better_one_is_worth_its_cost() {
    let to = vec![better("dear", 90, 0.9, 4_000, Some(100.0))];
    let rig = after(escalating(&[Trigger::LowConf], to), 0.5);
    assert_eq!(asked(&rig), []);
    assert_eq!(withheld(&rig), [(Trigger::LowConf, Withheld::Uneconomic)]);
    assert_eq!(rig.answer().answer.text, "guess");
    assert_eq!(rig.answer().escalations, 0);
    assert_eq!(
        rig.answer().consensus.uncertainties,
        ["low_conf and no better lane could be asked"]
    );
}

#[test]
fn a_lane_that_was_passed_over_is_not_asked_later() {
    let to = vec![
        better("dear", 90, 0.9, 5_000, None),
        better("fair", 91, 0.9, 1_000, None),
        better("last", 92, 0.95, 1_000, None),
    ];
    let mut params = escalating(&[Trigger::LowConf], to);
    params.escalation.max = 2;
    let mut rig = after(params, 0.5);
    rig.at(6, Input::LaneAdmitted { lane: LaneIx(1) });
    rig.end(7, 1, "no better", Some(0.1));
    assert_eq!(asked(&rig), [(91, Trigger::LowConf), (92, Trigger::LowConf)]);
}

#[test]
fn failed_tests_ask_no_price() {
    let to = vec![better("dear", 90, 0.1, 1_000_000, Some(1e9))];
    let mut params = escalating(&[Trigger::LowConf, Trigger::TestFail], to);
    params.escalation.is_hard_only = true;
    let mut rig = Rig::started(params);
    let failed = LaneEnd {
        has_failed_tests: true,
        ..*end("wrong", Some(0.3))
    };
    let input = Input::LaneFinal {
        call: call(0, 1),
        end: Box::new(failed),
    };
    rig.at(5, input);
    assert_eq!(
        asked(&rig),
        [(90, Trigger::TestFail)],
        "though low confidence comes first"
    );
}

#[test]
fn in_a_storm_only_hard_reasons_count() {
    let to = vec![better("cheap", 90, 0.9, 0, Some(0.0)), persona("unknown", 91)];
    let mut params = escalating(&[Trigger::LowConf], to);
    params.escalation.is_hard_only = true;
    let rig = after(params, 0.1);
    assert_eq!(asked(&rig), []);
    assert_eq!(withheld(&rig), [(Trigger::LowConf, Withheld::Storm)]);
}

#[test]
fn lanes_that_disagree_are_doubted_however_sure_each_is() {
    let to = vec![better("judge", 90, 0.7, 100, None)];
    let mut params = escalating(&[Trigger::Disagreement], to);
    params.lanes = vec![plan(0), plan(1)];
    params.strategy = crate::reconcile::Strategy::WeightedMerge;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "yes", Some(1.0));
    rig.end(6, 1, "no", Some(1.0));
    assert_eq!(asked(&rig), [(90, Trigger::Disagreement)]);
}

#[test]
fn slowness_asks_only_who_is_done_within_the_rest_of_the_objective() {
    let slow = |p95_ms| {
        let to = vec![better("other", 90, 0.9, 1, Some(p95_ms))];
        let mut params = escalating(&[Trigger::Latency], to);
        params.latency_slo_ms = Some(1_000);
        let mut rig = Rig::started(params);
        rig.at(601, Input::Tick);
        asked(&rig)
    };
    assert_eq!(slow(399.0), [(90, Trigger::Latency)]);
    assert_eq!(slow(400.0), []);
}
