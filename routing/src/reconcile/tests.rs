//! Each strategy's rule, its ties and its failures; and that the order of the list decides nothing.

use atp_protocol::finding::{Finding, Severity};
use atp_protocol::ids::{CloneId, LaneId, PersonaId};
use atp_protocol::units::Millis;
use proptest::prelude::{Strategy as Generate, any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::json;

use super::*;
use crate::agreement::{Aliases, Mode};

/// A lane that owns what [`LaneAnswer`] borrows.
#[derive(Debug, Clone)]
struct Owned {
    index: usize,
    lane: LaneId,
    answer: Answer,
    confidence: Option<f64>,
    weight: f64,
    source: Option<String>,
    win_rate: Option<f64>,
    completed: u64,
    usd_micros: u64,
    rank: u8,
    is_partial: bool,
}

fn lane(index: usize, text: &str) -> Owned {
    Owned {
        index,
        lane: LaneId {
            persona: Some(PersonaId::new("p").unwrap()),
            clone: Some(CloneId(u32::try_from(index).unwrap() + 1)),
        },
        answer: Answer {
            text: text.to_owned(),
            ..Answer::default()
        },
        confidence: Some(0.8),
        weight: 1.0,
        source: None,
        win_rate: None,
        completed: 100 + index as u64,
        usd_micros: 10,
        rank: 0,
        is_partial: false,
    }
}

fn finding(kind: &str, severity: Severity, confidence: f64) -> Finding {
    Finding {
        id: "F-1".to_owned(),
        kind: kind.to_owned(),
        claim: format!("the {kind} check is missing"),
        severity,
        critical: false,
        confidence,
        file: Some("a.rs".to_owned()),
        span: Some("1-2".to_owned()),
        evidence: Vec::new(),
        proposed_fix: None,
        tests: Vec::new(),
        provenance: Vec::new(),
    }
}

fn reviewer(index: usize, findings: &[Finding]) -> Owned {
    let mut lane = lane(index, "");
    lane.answer.findings = findings.to_vec();
    lane
}

fn borrow(lanes: &[Owned]) -> Vec<LaneAnswer<'_>> {
    lanes
        .iter()
        .map(|lane| LaneAnswer {
            index: lane.index,
            lane: &lane.lane,
            answer: &lane.answer,
            confidence: lane.confidence,
            weight: lane.weight,
            source: lane.source.as_deref(),
            win_rate: lane.win_rate,
            completed: Millis(lane.completed),
            usd_micros: lane.usd_micros,
            rank: lane.rank,
            is_partial: lane.is_partial,
        })
        .collect()
}

fn params(lanes: usize) -> Params {
    Params {
        quorum_min: 2,
        lanes,
        lanes_failed: 0,
        agree_min: 0.6,
        max_text_bytes: 1_000,
    }
}

fn run(strategy: Strategy, lanes: &[Owned]) -> Result<Outcome, Unreconciled> {
    reconcile(strategy, &borrow(lanes), &params(lanes.len()))
}

#[test]
fn names_are_read_back_and_unknown_ones_refused() {
    for strategy in Strategy::ALL {
        assert_eq!(Strategy::parse(strategy.as_str()), Ok(strategy));
    }
    assert_eq!(Strategy::parse("union-tiebreak"), Ok(Strategy::UnionTiebreak));
    assert!(Strategy::parse("best").is_err());
}

#[test]
fn readiness_follows_the_table() {
    let census = |lanes, live, finalized| Census {
        lanes,
        live,
        finalized,
    };
    for (strategy, census, is_ready) in [
        (Strategy::FirstWin, census(3, 2, 1), true),
        (Strategy::FirstWin, census(3, 3, 0), false),
        (Strategy::Consensus, census(3, 2, 1), false),
        (Strategy::Consensus, census(3, 1, 2), true),
        (Strategy::Consensus, census(6, 4, 2), false),
        (Strategy::Consensus, census(6, 3, 3), true),
        (Strategy::Consensus, census(1, 0, 1), true),
        (Strategy::WeightedMerge, census(2, 1, 1), false),
        (Strategy::WeightedMerge, census(2, 0, 1), true),
        (Strategy::UnionTiebreak, census(2, 0, 0), false),
        (Strategy::TwoPhase, census(3, 1, 2), true),
        (Strategy::Arbiter, census(3, 1, 2), false),
        (Strategy::Arbiter, census(3, 0, 2), true),
    ] {
        assert_eq!(strategy.is_ready(census, 2), is_ready, "{strategy} {census:?}");
    }
}

#[test]
fn first_win_takes_the_earliest_and_the_lowest_index_on_ties() {
    let mut lanes = [lane(0, "a"), lane(1, "b"), lane(2, "c")];
    lanes[1].completed = 50;
    assert_eq!(run(Strategy::FirstWin, &lanes).unwrap().answer.text, "b");
    lanes[2].completed = 50;
    let outcome = run(Strategy::FirstWin, &lanes).unwrap();
    assert_eq!((outcome.winner, outcome.reason), (Some(1), Reason::FirstFinal));
    assert_eq!(outcome.consensus.agreement, None);
}

#[test]
fn an_answer_asked_for_because_the_first_was_in_doubt_replaces_it() {
    let mut lanes = [lane(0, "cheap"), lane(1, "premium")];
    lanes[1].rank = 1;
    assert_eq!(run(Strategy::FirstWin, &lanes).unwrap().answer.text, "premium");
}

#[test]
fn a_partial_wins_only_where_nothing_ended() {
    let mut lanes = [lane(0, "short"), lane(1, "a longer text")];
    lanes[1].is_partial = true;
    assert_eq!(run(Strategy::FirstWin, &lanes).unwrap().answer.text, "short");
    lanes[0].is_partial = true;
    let outcome = run(Strategy::FirstWin, &lanes).unwrap();
    assert_eq!(
        (outcome.winner, outcome.reason),
        (Some(1), Reason::LongestPartial)
    );
    assert_eq!(outcome.consensus.uncertainties, ["lane p-2 was cut short"]);
}

#[test]
fn consensus_lets_the_weight_decide_and_names_the_dissent() {
    let mut lanes = [
        lane(0, "the sky is blue"),
        lane(1, "no"),
        lane(2, "The sky is blue"),
    ];
    lanes[2].confidence = Some(0.9);
    let outcome = run(Strategy::Consensus, &lanes).unwrap();
    assert_eq!(outcome.answer.text, "The sky is blue");
    assert_eq!(
        (outcome.winner, outcome.used.as_slice()),
        (Some(2), [0, 2].as_slice())
    );
    assert_eq!(
        outcome.consensus.uncertainties,
        ["1 of 3 lanes answered otherwise"]
    );
    assert_eq!(outcome.consensus.mode, Mode::Lexical);
    lanes[1].weight = 2.5;
    assert_eq!(run(Strategy::Consensus, &lanes).unwrap().answer.text, "no");
}

#[test]
fn equal_shares_go_to_the_heaviest_lane_or_to_nobody() {
    let mut lanes = [lane(0, "yes"), lane(1, "no"), lane(2, "no")];
    lanes[0].weight = 2.0;
    let outcome = run(Strategy::Consensus, &lanes).unwrap();
    assert_eq!(
        (outcome.answer.text.as_str(), outcome.reason),
        ("yes", Reason::HeaviestOfTied)
    );
    let split = [lane(0, "yes"), lane(1, "no")];
    assert_eq!(run(Strategy::Consensus, &split), Err(Unreconciled::NoMajority));
    assert_eq!(
        reconcile(Strategy::Consensus, &borrow(&split[..1]), &params(3)),
        Err(Unreconciled::NoQuorum)
    );
}

#[test]
fn copies_of_one_source_cannot_outvote_another() {
    let mut lanes = [lane(0, "no"), lane(1, "no"), lane(2, "no"), lane(3, "yes")];
    for copy in &mut lanes[..3] {
        copy.source = Some("m#1".to_owned());
    }
    lanes[3].weight = 1.1;
    assert_eq!(run(Strategy::Consensus, &lanes).unwrap().answer.text, "yes");
}

#[test]
fn weighted_merge_counts_silence_as_doubt() {
    let mut lanes = [
        reviewer(
            0,
            &[
                finding("a", Severity::Low, 0.9),
                finding("b", Severity::High, 0.6),
            ],
        ),
        reviewer(1, &[finding("a", Severity::Medium, 0.5)]),
    ];
    lanes[0].weight = 3.0;
    let outcome = run(Strategy::WeightedMerge, &lanes).unwrap();
    let found: Vec<_> = outcome
        .answer
        .findings
        .iter()
        .map(|f| (f.kind.as_str(), f.severity))
        .collect();
    assert_eq!(found, [("b", Severity::High), ("a", Severity::Low)]);
    assert!((outcome.answer.findings[0].confidence - 3.0 * 0.6 / 4.0).abs() < 1e-12);
    assert!((outcome.answer.findings[1].confidence - (3.0 * 0.9 + 0.5) / 4.0).abs() < 1e-12);
    assert_eq!(outcome.consensus.mode, Mode::Findings);
}

#[test]
fn texts_are_joined_heaviest_first_and_cut_at_the_limit() {
    let mut lanes = [lane(0, "one"), lane(1, ""), lane(2, "three")];
    lanes[2].weight = 2.0;
    lanes[0].answer.data = Some(json!({"x": 1}));
    let outcome = run(Strategy::WeightedMerge, &lanes).unwrap();
    assert_eq!(outcome.answer.text, "three\n\none");
    assert_eq!(outcome.answer.data, Some(json!({"x": 1})));
    assert_eq!(outcome.parts.len(), 2);
    let tight = Params {
        max_text_bytes: 9,
        ..params(3)
    };
    let cut = reconcile(Strategy::WeightedMerge, &borrow(&lanes), &tight).unwrap();
    assert_eq!(cut.answer.text, "three");
    assert_eq!(
        cut.consensus.uncertainties,
        ["the merged text was cut at its limit"]
    );
}

#[test]
fn a_dear_contributor_is_believed_less_except_on_grave_matters() {
    let mut lanes = [
        reviewer(0, &[]),
        reviewer(1, &[]),
        reviewer(
            2,
            &[
                finding("a", Severity::Low, 0.85),
                finding("b", Severity::High, 0.85),
            ],
        ),
    ];
    lanes[2].usd_micros = 21;
    let outcome = run(Strategy::UnionTiebreak, &lanes).unwrap();
    let kinds: Vec<_> = outcome.answer.findings.iter().map(|f| f.kind.as_str()).collect();
    assert_eq!(kinds, ["b"]);
    lanes[2].usd_micros = 20;
    assert_eq!(
        run(Strategy::UnionTiebreak, &lanes)
            .unwrap()
            .answer
            .findings
            .len(),
        2
    );
}

#[test]
fn union_keeps_the_grave_the_corroborated_and_the_sure() {
    let lanes = [
        reviewer(
            0,
            &[
                finding("grave", Severity::High, 0.1),
                finding("shared", Severity::Low, 0.3),
                finding("lone", Severity::Medium, 0.7),
            ],
        ),
        reviewer(
            1,
            &[
                finding("shared", Severity::Low, 0.3),
                finding("sure", Severity::Info, 0.8),
            ],
        ),
    ];
    let outcome = run(Strategy::UnionTiebreak, &lanes).unwrap();
    let kinds: Vec<_> = outcome.answer.findings.iter().map(|f| f.kind.as_str()).collect();
    assert_eq!(kinds, ["grave", "shared", "sure"]);
    assert_eq!(
        outcome.consensus.uncertainties,
        ["1 uncorroborated findings of lesser severity were left out"]
    );
}

#[test]
fn conflicts_go_to_the_better_record_then_to_the_weight() {
    let mut lanes = [
        reviewer(0, &[finding("a", Severity::Low, 0.9)]),
        reviewer(1, &[finding("a", Severity::Medium, 0.9)]),
    ];
    lanes[0].weight = 2.0;
    let severity = |lanes: &[Owned]| run(Strategy::UnionTiebreak, lanes).unwrap().answer.findings[0].severity;
    assert_eq!(severity(&lanes), Severity::Low);
    lanes[1].win_rate = Some(0.6);
    assert_eq!(severity(&lanes), Severity::Medium);
}

#[test]
fn a_critical_proposal_needs_another_agents_approval() {
    let mut critical = finding("a", Severity::High, 0.9);
    critical.critical = true;
    let mut lanes = vec![reviewer(0, &[critical.clone()]), reviewer(1, &[critical])];
    assert_eq!(run(Strategy::TwoPhase, &lanes), Err(Unreconciled::NoAck));
    let mut ack = lane(2, "");
    ack.answer.data = Some(json!({"ack": true}));
    lanes.push(ack);
    let outcome = run(Strategy::TwoPhase, &lanes).unwrap();
    assert_eq!((outcome.winner, outcome.reason), (Some(0), Reason::Acknowledged));
    lanes[0].source = Some("m".to_owned());
    lanes[2].source = Some("m".to_owned());
    assert_eq!(run(Strategy::TwoPhase, &lanes), Err(Unreconciled::NoAck));
}

#[test]
fn a_text_proposal_must_be_like_the_others() {
    let lanes = [lane(0, "a b c"), lane(1, "a b c d"), lane(2, "a b c")];
    assert_eq!(run(Strategy::TwoPhase, &lanes).unwrap().winner, Some(0));
    let apart = [lane(0, "a"), lane(1, "b")];
    assert_eq!(run(Strategy::TwoPhase, &apart), Err(Unreconciled::NoProposal));
    assert_eq!(run(Strategy::TwoPhase, &apart[..1]), Err(Unreconciled::NoQuorum));
}

#[test]
fn an_arbiter_is_wanted_only_where_results_diverge() {
    let converged = [lane(0, "a b c"), lane(1, "a b c")];
    assert_eq!(
        run(Strategy::Arbiter, &converged).unwrap().reason,
        Reason::ResultsConverged
    );
    assert_eq!(
        run(Strategy::Arbiter, &[lane(0, "a"), lane(1, "b")]),
        Err(Unreconciled::Divergent)
    );
    assert_eq!(
        run(Strategy::Arbiter, &[lane(0, "a")]).unwrap().reason,
        Reason::FirstFinal
    );
}

#[test]
fn an_arbiter_may_rewrite_but_add_nothing() {
    let lanes = [
        reviewer(0, &[finding("a", Severity::Low, 0.9)]),
        lane(
            1,
            "The parser accepts an empty audience. It never checks the issuer.",
        ),
    ];
    let accept = |answer: Answer| {
        let rewrite = Rewrite {
            answer,
            confidence: Some(0.7),
            usd_micros: 1,
        };
        super::accept(rewrite, &borrow(&lanes), &Aliases::default(), &params(2))
    };
    let text = |text: &str| Answer {
        text: text.to_owned(),
        ..Answer::default()
    };
    let findings = |findings: Vec<Finding>| Answer {
        findings,
        ..Answer::default()
    };
    let outcome = accept(text(
        "It never checks the issuer, and the parser accepts an empty audience.",
    ))
    .unwrap();
    assert_eq!(
        (outcome.confidence, outcome.reason),
        (Some(0.7), Reason::Arbitrated)
    );
    assert!(accept(findings(vec![finding("a", Severity::High, 0.5)])).is_ok());
    assert_eq!(
        accept(findings(vec![finding("new", Severity::Low, 0.5)])),
        Err(Refusal::NewFinding)
    );
    assert_eq!(
        accept(text(
            "The parser accepts an empty audience. Passwords are logged too."
        )),
        Err(Refusal::NewClaim)
    );
    assert_eq!(accept(text("  ")), Err(Refusal::Empty));
    assert_eq!(
        accept(findings(vec![finding("a", Severity::Low, 7.0)])),
        Err(Refusal::Malformed)
    );
}

#[test]
fn no_lane_means_no_answer() {
    for strategy in Strategy::ALL {
        assert_eq!(run(strategy, &[]), Err(Unreconciled::NoAnswer));
    }
}

fn any_lane() -> impl Generate<Value = Owned> {
    let findings = prop::collection::vec((0_u8..3, 0_u8..4, 0.0..=1.0_f64), 0..3);
    (
        "[ab]( [abc]){0,3}",
        findings,
        prop::option::of(0.0..=1.0_f64),
        0.0..3.0_f64,
        prop::option::of("[mn]"),
        0_u64..3,
        any::<bool>(),
    )
        .prop_map(
            |(text, findings, confidence, weight, source, completed, is_partial)| {
                let severities = [Severity::Info, Severity::Low, Severity::Medium, Severity::High];
                let mut lane = lane(0, &text);
                lane.answer.findings = findings
                    .into_iter()
                    .map(|(kind, severity, confidence)| {
                        finding(&format!("t{kind}"), severities[severity as usize], confidence)
                    })
                    .collect();
                lane.confidence = confidence;
                lane.weight = weight;
                lane.source = source;
                lane.completed = completed;
                lane.is_partial = is_partial;
                lane
            },
        )
}

proptest! {
    #[test]
    fn the_order_lanes_are_listed_in_decides_nothing(
        mut lanes in prop::collection::vec(any_lane(), 1..5),
        turn in 0_usize..5,
    ) {
        for (index, lane) in lanes.iter_mut().enumerate() {
            lane.index = index;
        }
        let mut turned = lanes.clone();
        turned.rotate_left(turn % lanes.len());
        turned.reverse();
        for strategy in Strategy::ALL {
            prop_assert_eq!(run(strategy, &lanes), run(strategy, &turned), "{}", strategy);
        }
    }

    #[test]
    fn no_strategy_makes_up_findings_and_confidence_stays_a_share(
        mut lanes in prop::collection::vec(any_lane(), 1..5),
    ) {
        for (index, lane) in lanes.iter_mut().enumerate() {
            lane.index = index;
        }
        for strategy in Strategy::ALL {
            let Ok(outcome) = run(strategy, &lanes) else { continue };
            for finding in &outcome.answer.findings {
                prop_assert!(lanes.iter().any(|lane| lane.answer.findings.iter().any(|one| one.kind == finding.kind)));
                prop_assert!((0.0..=1.0).contains(&finding.confidence));
            }
            prop_assert!(outcome.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
            prop_assert!(!outcome.used.is_empty());
        }
    }
}
