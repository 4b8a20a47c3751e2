//! Union with tie-break: every grave finding, and the others if corroborated or sure (atp.md section 20).

use std::cmp::Ordering;

use atp_protocol::finding::{Finding, Severity};

use super::failure::Unreconciled;
use super::lane::{Field, LaneAnswer};
use super::merge::{Reported, by_gravity, reported, texts_and_data};
use super::outcome::{Outcome, Reason};
use super::strategy::Strategy;

/// Confidence from which a finding needs no second reporter.
const SURE: f64 = 0.8;

pub(super) fn reconcile(field: &Field<'_>) -> Result<Outcome, Unreconciled> {
    let lanes = &field.lanes;
    let (mut answer, parts, is_cut) = texts_and_data(lanes, field.params.max_text_bytes);
    let groups = reported(lanes);
    answer.findings = groups
        .values()
        .filter(|group| is_kept(group))
        .map(resolve)
        .collect();
    answer.findings.sort_by(by_gravity);
    let dropped = groups.len() - answer.findings.len();
    let mut outcome = field.outcome(Strategy::UnionTiebreak, lanes, lanes, answer, Reason::Merged);
    outcome.parts = parts;
    if dropped > 0 {
        outcome.consensus.doubt(format!(
            "{dropped} uncorroborated findings of lesser severity were left out"
        ));
    }
    if is_cut {
        outcome
            .consensus
            .doubt("the merged text was cut at its limit".to_owned());
    }
    Ok(outcome)
}

fn is_kept(group: &Reported<'_>) -> bool {
    group.by.len() >= 2
        || group
            .by
            .iter()
            .any(|(_, finding, confidence)| finding.severity == Severity::High || *confidence >= SURE)
}

/// Reporters that differ are settled by win-rate, then weight, then index; confidence is theirs together.
fn resolve(group: &Reported<'_>) -> Finding {
    let (_, finding, _) = group
        .by
        .iter()
        .max_by(|(a, ..), (b, ..)| by_standing(a, b))
        .expect("a group is made with its first reporter");
    let weights: f64 = group.by.iter().map(|(lane, ..)| lane.weight).sum();
    let weighted: f64 = group
        .by
        .iter()
        .map(|(lane, _, confidence)| lane.weight * confidence)
        .sum();
    let confidence = if weights > 0.0 {
        weighted / weights
    } else {
        finding.confidence
    };
    // "All high-severity findings" would not hold if a milder word could win the conflict.
    let is_grave = group.by.iter().any(|(_, one, _)| one.severity == Severity::High);
    let severity = if is_grave {
        Severity::High
    } else {
        finding.severity
    };
    group.merged(finding, severity, confidence)
}

fn by_standing(a: &LaneAnswer<'_>, b: &LaneAnswer<'_>) -> Ordering {
    let win_rate = |lane: &LaneAnswer<'_>| lane.win_rate.unwrap_or(0.5);
    win_rate(a)
        .total_cmp(&win_rate(b))
        .then(a.weight.total_cmp(&b.weight))
        .then(b.index.cmp(&a.index))
}
