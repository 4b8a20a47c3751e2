//! Escalation and the arbiter (atp.md 21.4, 21.5).

use atp_protocol::finding::{Finding, Severity};

use super::*;
use crate::policy::Trigger;
use crate::reconcile::{Reason, Rewrite, Strategy};

fn escalating(lanes: usize, on: &[Trigger]) -> SessionParams {
    let mut params = params(lanes);
    params.escalation.on = on.to_vec();
    params.escalation.to = vec![persona("premium", 90), persona("best", 91)];
    params
}

fn escalations(rig: &Rig) -> Vec<(usize, usize, Trigger)> {
    rig.log
        .iter()
        .filter_map(|action| match action.step {
            Step::Escalate {
                lane,
                target,
                trigger,
            } => Some((lane.0, target.0, trigger)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_doubtful_answer_is_replaced_by_a_better_lanes() {
    let mut rig = Rig::started(escalating(1, &[Trigger::LowConf]));
    rig.end(5, 0, "guess", Some(0.3));
    assert_eq!(escalations(&rig), [(1, 90, Trigger::LowConf)]);
    assert_eq!(rig.state(), State::Buffering);
    rig.at(6, Input::LaneAdmitted { lane: LaneIx(1) });
    assert_eq!(rig.dispatches().last(), Some(&(1, 1, 90, 0)));
    rig.end(9, 1, "knowledge", Some(0.9));
    assert_eq!(rig.answer().answer.text, "knowledge");
    assert_eq!(
        (rig.answer().winner, rig.answer().escalations),
        (Some(LaneIx(1)), 1)
    );
    assert_eq!(rig.rules(), [1, 3, 6, 15, 16, 10, 22]);
    assert_eq!(rig.events(), [(Event::Escalate, "low_conf")]);
}

#[test]
fn a_doubtful_answer_is_better_than_none() {
    let mut rig = Rig::started(escalating(1, &[Trigger::LowConf]));
    rig.end(5, 0, "guess", Some(0.3));
    rig.at(
        6,
        Input::LaneRejected {
            lane: LaneIx(1),
            fault: Fault::new(Code::Budget, "nothing left"),
        },
    );
    assert_eq!(rig.answer().answer.text, "guess");
    assert_eq!(
        rig.answer().consensus.uncertainties,
        ["low_conf and no better lane could be asked"]
    );
    assert_eq!(escalations(&rig).len(), 1, "once is the limit");
}

#[test]
fn an_answer_that_states_no_confidence_is_not_doubted_for_it() {
    let mut rig = Rig::started(escalating(1, &[Trigger::LowConf]));
    rig.end(5, 0, "silent", None);
    assert_eq!(rig.answer().answer.text, "silent");
}

#[test]
fn a_reason_that_policy_does_not_name_is_none() {
    let mut rig = Rig::started(escalating(1, &[Trigger::TestFail]));
    rig.end(5, 0, "guess", Some(0.1));
    assert_eq!(rig.answer().answer.text, "guess");
}

#[test]
fn each_escalation_asks_another_lane_up_to_the_limit() {
    let mut params = escalating(1, &[Trigger::LowConf]);
    params.escalation.max = 9;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "a", Some(0.1));
    rig.at(6, Input::LaneAdmitted { lane: LaneIx(1) });
    rig.end(7, 1, "b", Some(0.2));
    rig.at(8, Input::LaneAdmitted { lane: LaneIx(2) });
    rig.end(9, 2, "c", Some(0.3));
    assert_eq!(
        escalations(&rig),
        [(1, 90, Trigger::LowConf), (2, 91, Trigger::LowConf)]
    );
    assert_eq!(rig.answer().answer.text, "c");
}

#[test]
fn failed_tests_and_missing_citations_are_reasons() {
    let mut rig = Rig::started(escalating(1, &[Trigger::TestFail]));
    let failed = LaneEnd {
        has_failed_tests: true,
        ..*end("a", Some(0.9))
    };
    rig.at(
        5,
        Input::LaneFinal {
            call: call(0, 1),
            end: Box::new(failed),
        },
    );
    assert_eq!(escalations(&rig), [(1, 90, Trigger::TestFail)]);

    let mut params = escalating(1, &[Trigger::WeakCitations]);
    params.evidence_gate = true;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "as shown [2]", Some(0.9));
    assert_eq!(escalations(&rig), [(1, 90, Trigger::WeakCitations)]);
}

#[test]
fn a_missing_citation_halves_confidence() {
    let mut params = params(1);
    params.evidence_gate = true;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "as shown [2]", Some(0.9));
    assert_eq!(rig.answer().confidence, Some(0.45));
    assert_eq!(rig.answer().consensus.uncertainties, ["a citation is missing"]);
}

#[test]
fn the_policys_thresholds_decide_what_a_doubt_is() {
    let mut params = escalating(1, &[Trigger::LowConf]);
    params.escalation.thresholds.low_conf = 0.2;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "guess", Some(0.3));
    assert_eq!(rig.answer().answer.text, "guess");
    for (disagree, expected) in [(0.0, 0), (0.4, 1)] {
        let mut params = escalating(2, &[Trigger::DisagreeHigh]);
        params.strategy = Strategy::Consensus;
        params.escalation.thresholds.disagree = disagree;
        let mut rig = Rig::started(params);
        rig.end(5, 0, "yes", Some(0.9));
        rig.end(6, 1, "no", Some(0.9));
        assert_eq!(escalations(&rig).len(), expected, "{disagree}");
    }
}

#[test]
fn disagreement_asks_a_further_lane_that_then_decides() {
    let mut params = escalating(2, &[Trigger::Disagreement]);
    params.strategy = Strategy::Consensus;
    let mut rig = Rig::started(params);
    rig.end(5, 0, "yes", Some(0.9));
    rig.end(6, 1, "no", Some(0.9));
    assert_eq!(escalations(&rig), [(2, 90, Trigger::Disagreement)]);
    rig.at(7, Input::LaneAdmitted { lane: LaneIx(2) });
    rig.end(8, 2, "no", Some(0.9));
    assert_eq!(rig.answer().answer.text, "no");
    assert_eq!(rig.answer().used, [LaneIx(1), LaneIx(2)]);
}

#[test]
fn a_slow_session_asks_another_lane_without_giving_up_the_first() {
    let mut params = escalating(1, &[Trigger::Latency]);
    params.latency_slo_ms = Some(1_000);
    let mut rig = Rig::started(params);
    rig.at(1, Input::DispatchOk { call: call(0, 1) });
    assert_eq!(rig.session.next_deadline(), Some(Millis(601)));
    rig.at(601, Input::Tick);
    assert_eq!(escalations(&rig), [(1, 90, Trigger::Latency)]);
    rig.at(602, Input::LaneAdmitted { lane: LaneIx(1) });
    rig.end(700, 0, "late but first", None);
    assert_eq!(rig.answer().answer.text, "late but first");
    assert_eq!(rig.cancelled(), [(1, CancelReason::Superseded)]);
}

#[test]
fn text_that_cannot_be_taken_back_is_not_replaced() {
    let mut params = escalating(1, &[Trigger::LowConf]);
    params.wants_text = true;
    let mut rig = Rig::started(params.clone());
    rig.chunk(1, 0, 1, "out already");
    rig.end(5, 0, "", Some(0.1));
    assert!(escalations(&rig).is_empty());
    assert_eq!(rig.answer().sent, "out already".len());
    assert_eq!(
        rig.answer().consensus.uncertainties,
        ["low_conf and no better lane could be asked"]
    );

    params.provisional.is_agreed = true;
    let mut rig = Rig::started(params);
    rig.chunk(1, 0, 1, "out already");
    rig.end(5, 0, "", Some(0.1));
    rig.at(6, Input::LaneAdmitted { lane: LaneIx(1) });
    rig.end(7, 1, "better", Some(0.9));
    assert_eq!(rig.answer().answer.text, "better");
    assert_eq!((rig.answer().sent, rig.answer().is_replacing), (0, true));
}

fn arbitrated(estimate_usd_micros: u64) -> Rig {
    let mut params = params(2);
    params.strategy = Strategy::Arbiter;
    params.arbiter = Some(ArbiterSettings::with_estimate(estimate_usd_micros));
    let mut rig = Rig::started(params);
    rig.end(5, 0, "The cache is stale.", Some(0.9));
    rig.end(6, 1, "A lock is missing.", Some(0.9));
    rig
}

fn rewrite(text: &str) -> Input {
    Input::ArbiterResult(Ok(Box::new(Rewrite {
        answer: Answer {
            text: text.to_owned(),
            ..Answer::default()
        },
        confidence: Some(0.8),
        usd_micros: 70,
    })))
}

#[test]
fn an_arbiter_rewrites_divergent_answers() {
    let mut rig = arbitrated(50_000);
    assert_eq!(rig.state(), State::Arbiter);
    let inputs = rig.log.iter().find_map(|action| match &action.step {
        Step::CallArbiter { inputs, .. } => Some(inputs.len()),
        _ => None,
    });
    assert_eq!(inputs, Some(2));
    rig.at(9, rewrite("A lock is missing. The cache is stale."));
    assert_eq!(rig.answer().answer.text, "A lock is missing. The cache is stale.");
    assert_eq!(rig.answer().reason, Reason::Arbitrated);
    assert_eq!(rig.answer().winner, None);
    assert_eq!(rig.rules(), [1, 3, 6, 15, 17, 20, 22]);
    assert_eq!(rig.session.audit().unwrap().usd_micros, 70);
}

#[test]
fn an_arbiter_that_fails_oversteps_or_dawdles_leaves_first_win() {
    let mut added = arbitrated(50_000);
    added.at(9, rewrite("Delete the database instead."));
    let mut failed = arbitrated(50_000);
    failed.at(9, Input::ArbiterResult(Err(Fault::new(Code::AgentDown, "gone"))));
    let mut late = arbitrated(50_000);
    assert_eq!(late.session.next_deadline(), Some(Millis(5_006)));
    late.at(5_006, Input::Tick);
    for rig in [added, failed, late] {
        assert_eq!(rig.answer().answer.text, "The cache is stale.");
        assert_eq!(rig.answer().reason, Reason::ArbiterFailed);
        assert!(rig.rules().contains(&21));
    }
}

#[test]
fn an_arbiter_over_budget_is_not_called() {
    let rig = arbitrated(100_001);
    assert!(
        !rig.log
            .iter()
            .any(|action| matches!(action.step, Step::CallArbiter { .. }))
    );
    assert_eq!(rig.answer().reason, Reason::BudgetExceeded);
}

#[test]
fn converging_results_need_no_arbiter() {
    let mut params = params(2);
    params.strategy = Strategy::Arbiter;
    params.arbiter = Some(ArbiterSettings::with_estimate(1));
    let mut rig = Rig::started(params);
    rig.end(5, 0, "the same", None);
    rig.end(6, 1, "the same", None);
    assert_eq!(rig.answer().reason, Reason::ResultsConverged);
}

#[test]
fn an_arbiters_word_nobody_asked_for_is_ignored() {
    let mut rig = Rig::started(params(1));
    rig.at(1, rewrite("x"));
    assert_eq!(rig.session.ignored(), 1);
}

#[test]
fn malformed_findings_are_named_in_the_uncertainties() {
    let mut rig = Rig::started(params(1));
    let finding = Finding {
        id: "1".to_owned(),
        kind: "t".to_owned(),
        claim: "c".to_owned(),
        severity: Severity::Low,
        critical: false,
        confidence: 0.5,
        file: None,
        span: None,
        evidence: Vec::new(),
        proposed_fix: None,
        tests: Vec::new(),
        provenance: Vec::new(),
    };
    let mut end = end("", None);
    end.rest.findings = vec![finding];
    let call = call(0, 1);
    rig.at(1, Input::LaneFinal { call, end });
    assert!(rig.answer().answer.findings.is_empty());
    assert_eq!(
        rig.answer().consensus.uncertainties,
        ["finding 1 was dropped: id is not F- and 1 to 64 letters, digits, _ or -"]
    );
}
