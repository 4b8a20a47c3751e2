//! Retries before the first delivered piece (atp.md 22.4).

use super::*;

fn with_fallbacks() -> SessionParams {
    let mut params = params(1);
    params.lanes[0].fallbacks = vec![TargetIx(5), TargetIx(6), TargetIx(7)];
    params
}

fn down(attempt: u32) -> Input {
    Input::DispatchErr {
        call: call(0, attempt),
        fault: Fault::new(Code::AgentDown, "refused"),
    }
}

#[test]
fn a_call_that_failed_early_is_made_again_elsewhere_at_most_twice() {
    let mut rig = Rig::started(with_fallbacks());
    rig.at(10, down(1));
    rig.at(400, down(2));
    rig.at(900, down(3));
    let dispatches = rig.dispatches();
    let calls: Vec<_> = dispatches
        .iter()
        .map(|(_, attempt, target, _)| (*attempt, *target))
        .collect();
    assert_eq!(calls, [(1, 0), (2, 5), (3, 6)]);
    assert!((50..=100).contains(&dispatches[1].3));
    assert!((100..=200).contains(&dispatches[2].3));
    assert_eq!(rig.failure().fault.code, Code::AgentDown);
    assert_eq!(rig.settled(), [(0, LaneState::Failed)]);
}

#[test]
fn nothing_of_the_failed_call_is_taken_for_the_next() {
    let mut rig = Rig::started(with_fallbacks());
    rig.chunk(5, 0, 2, "never in order");
    rig.fail(10, 0, Code::Adapter);
    assert!(rig.chunk(11, 0, 1, "stale").is_empty());
    assert_eq!(rig.session.ignored(), 1);
    rig.at(
        200,
        Input::Chunk {
            call: call(0, 2),
            chunk: chunk(1, "fresh"),
        },
    );
    rig.at(
        201,
        Input::LaneFinal {
            call: call(0, 2),
            end: end("", None),
        },
    );
    assert_eq!(rig.answer().answer.text, "fresh");
    assert_eq!(rig.events(), [(Event::ModelSwitch, "EADAPTER")]);
}

#[test]
fn nothing_is_retried_once_something_was_delivered() {
    let mut rig = Rig::started(with_fallbacks());
    rig.chunk(5, 0, 1, "a");
    rig.fail(10, 0, Code::AgentDown);
    assert_eq!(rig.dispatches().len(), 1);
    // A lane alone speaks for itself.
    assert_eq!(rig.failure().fault.code, Code::AgentDown);
}

#[test]
fn nothing_is_retried_that_another_target_cannot_mend() {
    for fault in [
        Fault::new(Code::BadInput, "no"),
        Fault::new(Code::AgentDown, "no").terminal(),
    ] {
        let mut rig = Rig::started(with_fallbacks());
        let call = call(0, 1);
        rig.at(1, Input::DispatchErr { call, fault });
        assert_eq!(rig.dispatches().len(), 1);
    }
}

#[test]
fn nothing_is_retried_that_would_come_too_late() {
    let mut params = with_fallbacks();
    params.deadline_ms = 40;
    let mut rig = Rig::started(params);
    rig.at(1, down(1));
    assert_eq!(rig.dispatches().len(), 1);
}

#[test]
fn a_target_that_stays_silent_is_cancelled_and_replaced() {
    let mut rig = Rig::started(with_fallbacks());
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    rig.at(10_000, Input::Tick);
    assert_eq!(rig.cancelled(), [(0, CancelReason::TimedOut)]);
    assert_eq!(rig.dispatches().len(), 2);
    let delay = rig.dispatches()[1].3;
    assert_eq!(rig.session.next_deadline(), Some(Millis(10_000 + delay + 10_000)));
}
