//! Weighted merge: everything anybody reported, as much as it weighs (atp.md section 20).

use atp_protocol::finding::{Finding, Severity};

use super::failure::Unreconciled;
use super::lane::{Field, LaneAnswer};
use super::merge::{Reported, by_gravity, heaviest_first, reported, texts_and_data};
use super::outcome::{Outcome, Reason};
use super::strategy::Strategy;

pub(super) fn reconcile(field: &Field<'_>) -> Result<Outcome, Unreconciled> {
    let lanes = &field.lanes;
    let total: f64 = lanes.iter().map(|lane| lane.weight).sum();
    let (mut answer, parts, is_cut) = texts_and_data(lanes, field.params.max_text_bytes);
    answer.findings = reported(lanes)
        .values()
        .map(|group| merge(group, total))
        .collect();
    answer.findings.sort_by(by_gravity);
    let mut outcome = field.outcome(Strategy::WeightedMerge, lanes, lanes, answer, Reason::Merged);
    outcome.parts = parts;
    if is_cut {
        outcome
            .consensus
            .doubt("the merged text was cut at its limit".to_owned());
    }
    Ok(outcome)
}

/// `confidence = Σ w·c / Σ w` over all lanes, absence counting 0; severity the weighted maximum.
fn merge(group: &Reported<'_>, total: f64) -> Finding {
    let weighted: f64 = group
        .by
        .iter()
        .map(|(lane, _, confidence)| lane.weight * confidence)
        .sum();
    let confidence = if total > 0.0 { weighted / total } else { 0.0 };
    group.merged(speaker(group), severity(group), confidence)
}

/// The severity with the highest weight times gravity; the graver on ties.
fn severity(group: &Reported<'_>) -> Severity {
    let gravity = |severity| match severity {
        Severity::Info => 1.0,
        Severity::Low => 2.0,
        Severity::Medium => 3.0,
        Severity::High => 4.0,
    };
    group
        .by
        .iter()
        .map(|(lane, finding, _)| (lane.weight * gravity(finding.severity), finding.severity))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map_or(Severity::Info, |(_, severity)| severity)
}

/// The finding of the heaviest reporter.
fn speaker<'a>(group: &Reported<'a>) -> &'a Finding {
    let lanes: Vec<LaneAnswer<'a>> = group.by.iter().map(|(lane, ..)| *lane).collect();
    let heaviest = heaviest_first(&lanes)[0].index;
    group
        .by
        .iter()
        .find(|(lane, ..)| lane.index == heaviest)
        .map(|(_, finding, _)| *finding)
        .expect("the heaviest lane is one of the reporters")
}
