//! Provisional and incremental results (atp.md 21.3; section 20, GAP-116A).

use super::*;
use crate::policy::Trigger;
use crate::reconcile::Strategy;

fn revising(lanes: usize, strategy: Strategy) -> SessionParams {
    let mut params = params(lanes);
    params.strategy = strategy;
    params.provisional.is_agreed = true;
    params
}

/// Revision, status and text of what was shown.
fn shown(rig: &Rig) -> Vec<(u32, Status, &str)> {
    rig.provisionals()
        .into_iter()
        .map(|it| (it.revision, it.status, it.answer.text.as_str()))
        .collect()
}

#[test]
fn a_quorum_that_agrees_is_shown_before_the_last_lane_ends() {
    let mut rig = Rig::started(revising(3, Strategy::WeightedMerge));
    rig.end(5, 0, "a b", Some(0.5));
    assert!(shown(&rig).is_empty());
    rig.end(6, 1, "a b", Some(0.5));
    assert_eq!(shown(&rig), [(1, Status::Provisional, "a b\n\na b")]);
    assert_eq!(rig.state(), State::Provisional);
    rig.end(7, 2, "a b", Some(0.9));
    assert_eq!(rig.answer().parts.len(), 3);
    assert_eq!(rig.rules(), [1, 3, 6, 8, 14, 22]);
}

#[test]
fn nothing_is_shown_to_clients_that_take_no_revisions() {
    let mut params = revising(3, Strategy::WeightedMerge);
    params.provisional.is_agreed = false;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "a b", None);
    rig.end(6, 1, "a b", None);
    assert!(shown(&rig).is_empty());
}

#[test]
fn a_result_sure_enough_is_final_at_once() {
    let mut rig = Rig::started(revising(3, Strategy::WeightedMerge));
    rig.end(5, 0, "a b", Some(0.9));
    rig.end(6, 1, "a b", Some(0.9));
    assert_eq!(rig.cancelled(), [(2, CancelReason::Superseded)]);
    assert_eq!(rig.rules(), [1, 3, 6, 8, 14, 22]);
    assert!(shown(&rig).is_empty(), "the final says it all");
}

#[test]
fn later_lanes_raise_or_lower_what_is_shown() {
    let mut rig = Rig::started(revising(5, Strategy::WeightedMerge));
    rig.end(5, 0, "a b", Some(0.5));
    rig.end(6, 1, "a b", Some(0.5));
    rig.end(1_000, 2, "a b", Some(0.9));
    rig.end(2_000, 3, "x y", Some(0.9));
    let statuses: Vec<_> = shown(&rig)
        .iter()
        .map(|(revision, status, _)| (*revision, *status))
        .collect();
    assert_eq!(
        statuses,
        [
            (1, Status::Provisional),
            (2, Status::Upgraded),
            (3, Status::Downgraded)
        ]
    );
    assert_eq!(rig.state(), State::Buffering);
    rig.end(3_000, 4, "z", None);
    assert_eq!(rig.answer().parts.len(), 5);
}

#[test]
fn revisions_keep_their_pace_and_the_newest_is_shown() {
    let mut rig = Rig::started(revising(5, Strategy::WeightedMerge));
    rig.end(5, 0, "a b", Some(0.3));
    rig.end(6, 1, "a b", Some(0.3));
    rig.end(10, 2, "a b", Some(0.5));
    assert_eq!(shown(&rig).len(), 1);
    assert_eq!(rig.session.next_deadline(), Some(Millis(256)));
    rig.at(256, Input::Tick);
    assert_eq!(shown(&rig)[1], (2, Status::Upgraded, "a b\n\na b\n\na b"));
}

#[test]
fn a_result_is_renewed_before_it_expires() {
    let mut params = revising(3, Strategy::WeightedMerge);
    params.timers.first_chunk_ms = 100_000;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "a b", Some(0.5));
    rig.end(6, 1, "a b", Some(0.5));
    assert_eq!(rig.session.next_deadline(), Some(Millis(10_006)));
    let renewal = rig.at(10_006, Input::Tick);
    assert_eq!(renewal[0].cause, Cause::Renewal);
    assert_eq!(shown(&rig)[1].0, 1, "a renewal is the same revision");
    assert_eq!(rig.session.next_deadline(), Some(Millis(20_006)));
}

#[test]
fn one_lane_is_shown_alone_once_half_of_the_time_is_gone() {
    let mut params = revising(2, Strategy::WeightedMerge);
    params.deadline_ms = 4_000;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "alone", None);
    assert_eq!(rig.session.next_deadline(), Some(Millis(2_001)));
    rig.at(2_000, Input::Tick);
    assert!(shown(&rig).is_empty());
    rig.at(2_001, Input::Tick);
    assert_eq!(shown(&rig), [(1, Status::Provisional, "alone")]);
    assert_eq!(rig.provisionals()[0].confidence, 0.5);
    rig.at(4_000, Input::Tick);
    assert_eq!(rig.answer().answer.text, "alone");
}

fn streaming(lanes: usize, strategy: Strategy) -> SessionParams {
    SessionParams {
        wants_text: true,
        ..revising(lanes, strategy)
    }
}

#[test]
fn the_first_lane_with_enough_tokens_leads_until_it_fails() {
    let mut rig = Rig::started(streaming(3, Strategy::FirstWin));
    let long = "word ".repeat(26);
    rig.chunk(1, 0, 1, "short");
    rig.chunk(2, 1, 1, &long);
    assert_eq!(shown(&rig), [(1, Status::Provisional, long.as_str())]);
    assert!(rig.provisionals()[0].is_incremental);
    rig.chunk(300, 1, 2, "more");
    assert_eq!(shown(&rig)[1].2, format!("{long}more"));
    rig.chunk(400, 2, 1, &long.to_uppercase());
    assert_eq!(shown(&rig).len(), 2, "only the leader is shown");
    rig.fail(600, 1, Code::Adapter);
    assert_eq!(shown(&rig)[2].2, long.to_uppercase());
    assert_eq!(rig.text(), "");
    rig.end(700, 0, " answer", None);
    assert_eq!(rig.answer().answer.text, "short answer");
}

#[test]
fn a_client_that_lags_is_shown_unfinished_results_only_when_much_has_come() {
    let mut params = streaming(2, Strategy::WeightedMerge);
    params.flush_bytes = 100;
    let mut rig = Rig::started(params);
    rig.at(0, Input::EgressBlocked);
    rig.chunk(1, 0, 1, &"x".repeat(70));
    assert!(shown(&rig).is_empty());
    rig.chunk(2, 1, 1, "y");
    assert_eq!(shown(&rig).len(), 1);
    rig.chunk(500, 1, 2, "z");
    assert_eq!(shown(&rig).len(), 1);
    rig.at(501, Input::ClientReady);
    assert_eq!(shown(&rig)[1].2, format!("{}\n\nyz", "x".repeat(70)));
}

#[test]
fn lanes_that_only_forward_bytes_are_not_shown_and_not_waited_for() {
    let mut rig = Rig::started(streaming(2, Strategy::WeightedMerge));
    let piece = Piece::Forward(bytes::Bytes::from_static(b"data: x"));
    let chunk = Chunk {
        piece,
        ..chunk(1, "")
    };
    rig.at(
        1,
        Input::Chunk {
            call: call(0, 1),
            chunk,
        },
    );
    assert!(shown(&rig).is_empty());
    assert_eq!(rig.session.next_deadline(), Some(Millis(10_000)));
}

#[test]
fn a_sure_result_in_doubt_waits_for_the_better_lane() {
    let mut params = revising(2, Strategy::WeightedMerge);
    params.escalation.on = vec![Trigger::TestFail];
    params.escalation.to = vec![persona("premium", 90)];
    let mut rig = Rig::started(params);
    for lane in 0..2 {
        let failed = LaneEnd {
            has_failed_tests: true,
            ..*end("a b", Some(0.95))
        };
        rig.at(
            5,
            Input::LaneFinal {
                call: call(lane, 1),
                end: Box::new(failed),
            },
        );
    }
    assert_eq!(shown(&rig), [(1, Status::Provisional, "a b\n\na b")]);
    assert_eq!(rig.state(), State::Provisional);
    rig.at(6, Input::LaneAdmitted { lane: LaneIx(2) });
    rig.end(7, 2, "a b", Some(0.95));
    assert_eq!(rig.answer().parts.len(), 3);
}

#[test]
fn nothing_is_shown_before_compliance_is_through() {
    let mut params = revising(3, Strategy::WeightedMerge);
    params.lanes[2] = persona("lawyer", 2);
    params.lanes[2].is_compliance = true;
    params.lanes.push(plan(3));
    let mut rig = Rig::started(params);
    rig.end(5, 0, "a b", Some(0.5));
    rig.end(6, 1, "a b", Some(0.5));
    assert!(shown(&rig).is_empty());
    rig.end(7, 2, "a b", Some(0.5));
    assert_eq!(shown(&rig).len(), 1);
}

#[test]
fn consensus_shows_nothing_unfinished_before_a_majority_stands() {
    let mut params = streaming(4, Strategy::Consensus);
    params.thresholds.quorum_min = 3;
    let mut rig = Rig::started(params);
    rig.chunk(1, 3, 1, &"word ".repeat(40));
    rig.end(2, 0, "yes", None);
    rig.end(3, 1, "no", None);
    assert!(shown(&rig).is_empty());
}
