//! Order inside a lane, pauses and lane timers.

use atp_protocol::adapter::AgentStatus;

use super::*;

#[test]
fn chunks_are_answered_in_order_whatever_order_they_came_in() {
    let mut rig = Rig::started(params(1));
    for seq in [3, 2, 1, 2, 4] {
        rig.chunk(1, 0, seq, &format!("{seq} "));
    }
    rig.end(2, 0, "", None);
    assert_eq!(rig.answer().answer.text, "1 2 3 4 ");
    assert_eq!(rig.session.audit().unwrap().lanes[0].dropped_chunks, 1);
}

#[test]
fn an_end_waits_for_what_is_missing_and_then_does_without() {
    let mut rig = Rig::started(params(1));
    rig.chunk(1, 0, 1, "a");
    rig.chunk(2, 0, 3, "c");
    rig.end(3, 0, "", Some(1.0));
    assert_eq!(rig.state(), State::Streaming);
    assert_eq!(rig.session.next_deadline(), Some(Millis(5_002)));
    rig.at(5_002, Input::Tick);
    assert_eq!(rig.answer().answer.text, "ac");
    assert!((rig.answer().confidence.unwrap() - 0.9).abs() < 1e-9);
    assert_eq!(rig.session.audit().unwrap().lanes[0].buffer_wait_ms, 5_000);
    assert_eq!(rig.session.audit().unwrap().lanes[0].gaps_filled, 1);
}

#[test]
fn a_missing_tail_is_known_by_the_last_seq() {
    let tail = |rig: &mut Rig| {
        rig.chunk(1, 0, 1, "a");
        rig.at(
            2,
            Input::LaneFinal {
                call: call(0, 1),
                end: Box::new(LaneEnd {
                    last_seq: Some(2),
                    ..*end("", None)
                }),
            },
        );
        assert_eq!(rig.state(), State::Streaming);
    };
    let mut rig = Rig::started(params(1));
    tail(&mut rig);
    rig.chunk(3, 0, 3, "beyond the end");
    rig.chunk(3, 0, 2, "b");
    assert_eq!(rig.answer().answer.text, "ab");

    let mut rig = Rig::started(params(1));
    tail(&mut rig);
    assert_eq!(rig.session.next_deadline(), Some(Millis(5_002)));
    rig.at(5_002, Input::Tick);
    assert_eq!(rig.answer().answer.text, "a");
    assert!(!rig.answer().consensus.uncertainties.is_empty());
}

#[test]
fn a_full_reorder_buffer_pauses_its_lane_and_is_no_error() {
    let mut params = params(1);
    params.tier = Tier::Gold;
    let mut rig = Rig::started(params);
    let big = "x".repeat(4 * 128);
    rig.chunk(1, 0, 2, &big);
    assert_eq!(rig.log.last().unwrap().step, Step::Pause { lane: LaneIx(0) });
    rig.chunk(2, 0, 1, "a");
    assert_eq!(rig.log.last().unwrap().step, Step::Resume { lane: LaneIx(0) });
    rig.end(3, 0, "", None);
    assert_eq!(rig.answer().answer.text.len(), big.len() + 1);
}

#[test]
fn a_busy_agent_pauses_its_lane_at_once_and_a_pausing_one_after_its_grace() {
    let mut rig = Rig::started(params(1));
    let status = |status| Input::AgentStatus {
        lane: LaneIx(0),
        status,
    };
    rig.chunk(0, 0, 1, "a");
    assert_eq!(rig.at(1, status(AgentStatus::Busy)).len(), 1);
    assert_eq!(rig.at(2, status(AgentStatus::Ready)).len(), 1);
    assert!(rig.at(10, status(AgentStatus::Pause)).is_empty());
    assert!(rig.at(3_000, status(AgentStatus::Pause)).is_empty());
    assert_eq!(rig.session.next_deadline(), Some(Millis(5_010)));
    let paused = rig.at(5_010, Input::Tick);
    assert_eq!(paused[0].step, Step::Pause { lane: LaneIx(0) });
    rig.at(6_000, status(AgentStatus::Draining));
    rig.at(35_010, Input::Tick);
    assert_eq!(rig.cancelled(), [(0, CancelReason::TimedOut)]);
    assert_eq!(rig.failure().fault.code, Code::Timeout);
}

#[test]
fn a_paused_lane_is_not_idle() {
    let mut rig = Rig::started(params(1));
    rig.chunk(0, 0, 1, "a");
    rig.at(
        1,
        Input::AgentStatus {
            lane: LaneIx(0),
            status: AgentStatus::Busy,
        },
    );
    assert_eq!(rig.session.next_deadline(), Some(Millis(30_001)));
    rig.at(20_000, Input::Tick);
    rig.end(20_001, 0, "b", None);
    assert_eq!(rig.answer().answer.text, "ab");
}

#[test]
fn silence_ends_a_lane_before_and_between_chunks() {
    let mut rig = Rig::started(params(2));
    assert_eq!(rig.session.next_deadline(), Some(Millis(10_000)));
    rig.chunk(9_000, 0, 1, "a");
    rig.at(10_000, Input::Tick);
    assert_eq!(rig.settled(), [(1, LaneState::Failed)]);
    assert_eq!(rig.session.next_deadline(), Some(Millis(24_000)));
    rig.at(24_000, Input::Tick);
    assert_eq!(rig.failure().fault.code, Code::Timeout);
    assert_eq!(
        rig.cancelled(),
        [(1, CancelReason::TimedOut), (0, CancelReason::TimedOut)]
    );
}

#[test]
fn an_answer_over_the_limit_fails_its_lane() {
    let mut params = params(1);
    params.max_text_bytes = 4;
    params.allow_partial = true;
    let mut rig = Rig::started(params);
    rig.chunk(1, 0, 1, "abcd");
    rig.chunk(2, 0, 2, "e");
    assert_eq!(rig.cancelled(), [(0, CancelReason::TooBig)]);
    assert_eq!(rig.failure().fault.code, Code::TooBig);
    assert_eq!(rig.failure().partial.as_ref().unwrap().text, "abcd");
}
