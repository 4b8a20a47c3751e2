//! The plain course of a session, its failures, and what it owes required personas.

use super::*;
use crate::reconcile::{Reason, Strategy};

#[test]
fn a_single_lane_runs_the_plain_chain() {
    let mut rig = Rig::started(params(1));
    assert_eq!(rig.dispatches(), [(0, 1, 0, 0)]);
    rig.at(5, Input::DispatchOk { call: call(0, 1) });
    rig.chunk(10, 0, 1, "Hello");
    rig.end(20, 0, " world", Some(0.9));
    assert_eq!(rig.answer().answer.text, "Hello world");
    assert_eq!(rig.answer().confidence, Some(0.9));
    assert_eq!(rig.answer().winner, Some(LaneIx(0)));
    assert_eq!(rig.rules(), [1, 3, 9, 22]);
    assert_eq!(rig.settled(), [(0, LaneState::Finalized)]);
    let audit = rig.session.audit().unwrap();
    assert_eq!(audit.elapsed_ms, 20);
    assert_eq!(audit.lanes[0].first_chunk_ms, Some(10));
    assert_eq!(audit.reason, Some(Reason::FirstFinal));
}

#[test]
fn an_answer_without_chunks_or_dispatch_ok_is_an_answer() {
    let mut rig = Rig::started(params(1));
    rig.end(20, 0, "whole", None);
    assert_eq!(rig.answer().answer.text, "whole");
    assert_eq!(rig.answer().sent, 0);
    assert_eq!(rig.state(), State::Complete);
}

#[test]
fn nothing_is_called_before_every_lane_is_decided() {
    let mut rig = Rig::new(params(2));
    rig.at(0, Input::Start);
    assert!(rig.at(0, Input::LaneAdmitted { lane: LaneIx(0) }).is_empty());
    let fault = Fault::new(Code::Budget, "nothing left");
    rig.at(
        0,
        Input::LaneRejected {
            lane: LaneIx(1),
            fault,
        },
    );
    assert_eq!(rig.dispatches(), [(0, 1, 0, 0)]);
    rig.end(9, 0, "a", None);
    assert!(!rig.answer().is_partial_failure, "a rejected lane never ran");
    assert_eq!(rig.settled(), [(0, LaneState::Finalized)]);
}

#[test]
fn without_an_admitted_lane_the_most_specific_refusal_is_told() {
    let mut rig = Rig::new(params(2));
    rig.at(0, Input::Start);
    for (lane, code) in [(0, Code::Circuit), (1, Code::Budget)] {
        rig.at(
            0,
            Input::LaneRejected {
                lane: LaneIx(lane),
                fault: Fault::new(code, "no"),
            },
        );
    }
    assert_eq!(rig.failure().fault.code, Code::Budget);
    assert_eq!(rig.rules(), [2]);
    assert!(rig.settled().is_empty());

    let mut empty = Rig::new(params(0));
    empty.at(0, Input::Start);
    assert_eq!(empty.failure().fault.code, Code::NoRoute);
}

#[test]
fn the_first_to_end_wins_and_the_others_are_called_off_bronze_first() {
    let mut params = params(3);
    params.lanes[2].tier = Tier::Bronze;
    let mut rig = Rig::started(params);
    rig.chunk(5, 0, 1, "slow");
    rig.end(10, 1, "fast", None);
    assert_eq!(rig.answer().answer.text, "fast");
    assert_eq!(
        rig.cancelled(),
        [(2, CancelReason::Superseded), (0, CancelReason::Superseded)]
    );
    assert_eq!(
        rig.settled(),
        [
            (1, LaneState::Finalized),
            (2, LaneState::Cancelled),
            (0, LaneState::Cancelled)
        ]
    );
    assert_eq!(rig.events(), [(Event::EarlyTermination, "answer_known")]);
    assert!(!rig.answer().is_partial_failure, "nobody failed");
}

#[test]
fn a_failed_lane_leaves_the_answer_to_the_others() {
    let mut rig = Rig::started(params(2));
    rig.chunk(5, 0, 1, "half");
    rig.fail(6, 0, Code::Adapter);
    assert_eq!(rig.state(), State::Buffering);
    rig.end(10, 1, "whole", None);
    assert_eq!(rig.answer().answer.text, "whole");
    assert!(rig.answer().is_partial_failure);
    assert_eq!(rig.answer().consensus.lanes_failed, 1);
    assert_eq!(rig.rules(), [1, 3, 6, 10, 22]);
}

#[test]
fn all_lanes_failing_is_fatal_unless_the_caller_can_mend_it() {
    let mut rig = Rig::started(params(2));
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    rig.fail(6, 0, Code::Adapter);
    rig.fail(7, 1, Code::AgentDown);
    assert_eq!(rig.failure().fault.code, Code::Fatal);
    assert_eq!(rig.failure().partial, None);

    let mut rig = Rig::started(params(1));
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    rig.fail(6, 0, Code::Context);
    assert_eq!(rig.failure().fault.code, Code::Context);
}

#[test]
fn no_adapter_taking_a_call_means_none_is_up() {
    let mut rig = Rig::started(params(2));
    for lane in 0..2 {
        rig.at(
            3,
            Input::DispatchErr {
                call: call(lane, 1),
                fault: Fault::new(Code::Adapter, "refused"),
            },
        );
    }
    assert_eq!(rig.failure().fault.code, Code::AgentDown);
    assert_eq!(rig.rules(), [1, 4]);
    assert_eq!(rig.settled(), [(0, LaneState::Failed), (1, LaneState::Failed)]);
}

#[test]
fn partial_text_of_a_failed_session_is_shown_where_policy_allows() {
    let mut params = params(1);
    params.allow_partial = true;
    let mut rig = Rig::started(params);
    rig.chunk(5, 0, 1, "half an answer");
    rig.fail(6, 0, Code::Adapter);
    assert_eq!(rig.failure().partial.as_ref().unwrap().text, "half an answer");
}

#[test]
fn an_exhausted_budget_keeps_what_was_paid_for() {
    let mut rig = Rig::started(params(1));
    rig.chunk(5, 0, 1, "half");
    rig.at(6, Input::BudgetExhausted { lane: LaneIx(0) });
    assert_eq!(rig.failure().fault.code, Code::Budget);
    assert_eq!(rig.failure().partial.as_ref().unwrap().text, "half");
    assert_eq!(rig.cancelled(), [(0, CancelReason::Budget)]);
    assert_eq!(rig.settled(), [(0, LaneState::Cancelled)]);
}

#[test]
fn cancel_and_preemption_end_every_lane() {
    let mut rig = Rig::started(params(2));
    rig.chunk(5, 0, 1, "half");
    rig.at(6, Input::Cancel);
    assert_eq!(rig.failure().fault.code, Code::Cancel);
    assert_eq!(rig.failure().partial, None);
    assert_eq!(rig.cancelled().len(), 2);
    assert_eq!(rig.settled().len(), 2);

    let mut rig = Rig::started(params(1));
    rig.chunk(5, 0, 1, "half");
    rig.at(6, Input::Preempt);
    assert_eq!(rig.failure().fault.code, Code::Preempt);
    assert_eq!(rig.failure().partial.as_ref().unwrap().text, "half");
    assert!(rig.events().contains(&(Event::Preempted, "qos_spike")));
}

#[test]
fn a_session_of_a_node_that_leaves_ends_with_what_it_has() {
    let mut rig = Rig::started(params(1));
    rig.chunk(5, 0, 1, "half");
    rig.at(6, Input::Drain);
    assert_eq!(rig.failure().fault.code, Code::Draining);
    assert_eq!(rig.failure().partial.as_ref().unwrap().text, "half");
    assert_eq!((rig.cancelled().len(), rig.settled().len()), (1, 1));
}

#[test]
fn what_comes_after_the_end_is_ignored_and_counted() {
    let mut rig = Rig::started(params(1));
    rig.end(5, 0, "a", None);
    assert!(rig.chunk(6, 0, 1, "late").is_empty());
    assert!(rig.at(7, Input::Cancel).is_empty());
    assert!(rig.at(1_000_000, Input::Tick).is_empty());
    assert_eq!(rig.session.ignored(), 2);
    assert_eq!(rig.session.next_deadline(), None);
    assert_eq!(rig.answer().answer.text, "a");
}

#[test]
fn a_deadline_without_a_result_is_a_timeout() {
    let mut rig = Rig::started(params(2));
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    rig.at(120_000, Input::Tick);
    assert_eq!(rig.failure().fault.code, Code::Timeout);
    assert_eq!(rig.rules(), [1, 3, 15, 19]);
    assert_eq!(rig.cancelled().len(), 2);
}

#[test]
fn a_deadline_takes_partials_and_says_so() {
    let mut params = params(1);
    params.deadline_ms = 1_000;
    let mut rig = Rig::started(params);
    rig.chunk(5, 0, 1, "half");
    rig.at(1_000, Input::Tick);
    let answer = rig.answer();
    assert_eq!(answer.answer.text, "half");
    assert_eq!(answer.aborted.as_ref().unwrap().code, Code::Timeout);
    assert_eq!(answer.reason, Reason::LongestPartial);
    assert_eq!(answer.consensus.uncertainties.len(), 2);
    assert_eq!(rig.rules(), [1, 3, 15, 18, 22]);
}

#[test]
fn a_session_that_is_never_admitted_times_out() {
    let mut rig = Rig::new(params(2));
    rig.at(0, Input::Start);
    rig.at(0, Input::LaneAdmitted { lane: LaneIx(0) });
    assert_eq!(rig.session.next_deadline(), Some(Millis(120_000)));
    rig.at(120_000, Input::Tick);
    assert_eq!(rig.failure().fault.code, Code::Timeout);
    assert_eq!(rig.settled(), [(0, LaneState::Cancelled)]);
    assert!(rig.cancelled().is_empty(), "nothing was called");
}

#[test]
fn a_merge_waits_for_all_lanes() {
    let mut params = params(3);
    params.strategy = Strategy::WeightedMerge;
    params.lanes[1].weight.base = 2.0;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "one", None);
    rig.end(6, 1, "two", None);
    assert_eq!(rig.state(), State::Buffering);
    rig.fail(7, 2, Code::Adapter);
    assert_eq!(rig.answer().answer.text, "two\n\none");
    assert_eq!(rig.answer().parts.len(), 2);
    assert_eq!(rig.answer().winner, None);
}

#[test]
fn consensus_ends_as_soon_as_a_majority_stands() {
    let mut params = params(3);
    params.strategy = Strategy::Consensus;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "yes", None);
    rig.end(6, 1, "no", None);
    assert_eq!(rig.state(), State::Buffering, "a quorum without a majority waits");
    rig.end(7, 2, "yes", None);
    assert_eq!(rig.answer().answer.text, "yes");
    assert_eq!(rig.answer().used, [LaneIx(0), LaneIx(2)]);
}

#[test]
fn lanes_that_cannot_be_reconciled_fail_or_fall_back() {
    let split = |on_failure| {
        let mut params = params(2);
        params.strategy = Strategy::Consensus;
        params.on_failure = on_failure;
        let mut rig = Rig::started(params);
        rig.end(5, 0, "yes", None);
        rig.end(6, 1, "no", None);
        rig
    };
    let rig = split(None);
    assert_eq!(rig.failure().fault.code, Code::Consensus);
    assert_eq!(rig.rules(), [1, 3, 6, 15, 18, 23]);
    assert_eq!(split(Some(Strategy::FirstWin)).answer().answer.text, "yes");
}

#[test]
fn a_required_persona_must_answer() {
    let mut params = params(0);
    params.lanes = vec![persona("a", 0), persona("b", 1)];
    params.lanes[1].is_required = true;
    let mut rig = Rig::started(params.clone());
    rig.end(5, 0, "fast", None);
    assert_eq!(
        rig.state(),
        State::Buffering,
        "first-win waits for the required persona"
    );
    rig.end(9, 1, "required", None);
    assert_eq!(rig.answer().answer.text, "fast");

    let mut rig = Rig::started(params);
    rig.end(5, 0, "fast", None);
    rig.fail(6, 1, Code::Adapter);
    assert_eq!(rig.failure().fault.code, Code::Fatal);
}

#[test]
fn one_clone_of_a_required_persona_is_enough() {
    let mut params = params(2);
    for lane in &mut params.lanes {
        lane.is_required = true;
    }
    let mut rig = Rig::started(params);
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    rig.fail(5, 0, Code::Adapter);
    assert_eq!(rig.state(), State::Buffering);
    rig.end(6, 1, "b", None);
    assert_eq!(rig.answer().answer.text, "b");
}

#[test]
fn nothing_leaves_before_compliance_is_through() {
    let mut params = params(0);
    params.lanes = vec![persona("writer", 0), persona("lawyer", 1)];
    params.lanes[1].is_compliance = true;
    params.wants_text = true;
    params.expose_lanes = true;
    params.allow_partial = true;
    params.deadline_ms = 1_000;
    let mut rig = Rig::started(params.clone());
    rig.chunk(1, 0, 1, "secret");
    rig.end(5, 0, "", None);
    let is_output = |action: &Action| {
        matches!(
            action.step,
            Step::EmitText { .. } | Step::EmitLanePartial { .. } | Step::EmitProvisional(_)
        )
    };
    assert!(!rig.log.iter().any(is_output));
    rig.at(1_000, Input::Tick);
    assert_eq!(rig.failure().fault.code, Code::Timeout);
    assert_eq!(rig.failure().partial, None);
    assert!(!rig.log.iter().any(is_output));

    let mut rig = Rig::new(params);
    rig.at(0, Input::Start);
    rig.at(0, Input::LaneAdmitted { lane: LaneIx(0) });
    rig.at(
        0,
        Input::LaneRejected {
            lane: LaneIx(1),
            fault: Fault::new(Code::Circuit, "open"),
        },
    );
    assert_eq!(rig.failure().fault.code, Code::Circuit);
    assert!(
        rig.dispatches().is_empty(),
        "a session that cannot comply is not begun"
    );
}

#[test]
fn too_many_lanes_are_refused() {
    let refused = ParallelSession::new(params(MAX_LANES + 1)).unwrap_err();
    assert_eq!(refused.code, Code::Window);
}

#[test]
fn usage_of_all_calls_is_settled_together() {
    let mut params = params(1);
    params.lanes[0].fallbacks = vec![TargetIx(7)];
    let mut rig = Rig::started(params);
    rig.at(
        1,
        Input::LaneFail {
            call: call(0, 1),
            fault: Fault::new(Code::AgentDown, "gone"),
            usage: Some(usage(5)),
        },
    );
    rig.at(
        500,
        Input::LaneFinal {
            call: call(0, 2),
            end: Box::new(LaneEnd {
                usage: Some(usage(6)),
                ..*end("x", None)
            }),
        },
    );
    assert_eq!(rig.answer().answer.text, "x");
    assert_eq!(rig.session.audit().unwrap().usd_micros, 11);
    assert_eq!(rig.session.audit().unwrap().lanes[0].target, TargetIx(7));
}
