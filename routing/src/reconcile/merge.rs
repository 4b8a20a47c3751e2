//! What weighted-merge and union_tiebreak share: findings of all lanes by canonical key, and texts side by side.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use atp_protocol::finding::{Finding, Severity};
use serde_json::Value;

use super::answer::{Answer, Part};
use super::fields;
use super::lane::LaneAnswer;
use crate::agreement::{COST_PENALTY, GroupKey, costs_too_much};

/// One thing that lanes reported, and who did.
pub(super) struct Reported<'a> {
    /// The lane, its finding of this key, and the confidence it counts with.
    pub(super) by: Vec<(LaneAnswer<'a>, &'a Finding, f64)>,
}

/// Groups the findings of `lanes` by canonical key. Of several of one key in one lane, the most confident counts.
///
/// A lane that costs more than twice the median loses confidence, except for what is of high severity.
pub(super) fn reported<'a>(lanes: &[LaneAnswer<'a>]) -> BTreeMap<GroupKey, Reported<'a>> {
    let costs: Vec<u64> = lanes.iter().map(|lane| lane.usd_micros).collect();
    let is_dear = costs_too_much(&costs);
    let mut groups: BTreeMap<GroupKey, Reported<'a>> = BTreeMap::new();
    for (lane, is_dear) in lanes.iter().zip(is_dear) {
        for finding in &lane.answer.findings {
            let penalty = if is_dear && finding.severity != Severity::High {
                COST_PENALTY
            } else {
                0.0
            };
            let confidence = (finding.confidence - penalty).max(0.0);
            let group = groups
                .entry(GroupKey::of(finding))
                .or_insert_with(|| Reported { by: Vec::new() });
            match group.by.iter_mut().find(|(by, ..)| by.index == lane.index) {
                Some(entry) if confidence > entry.2 => *entry = (*lane, finding, confidence),
                Some(_) => {}
                None => group.by.push((*lane, finding, confidence)),
            }
        }
    }
    groups
}

impl Reported<'_> {
    /// One finding for the group: `chosen` speaks, with what all reporters rest on.
    pub(super) fn merged(&self, chosen: &Finding, severity: Severity, confidence: f64) -> Finding {
        let mut finding = chosen.clone();
        finding.severity = severity;
        finding.critical = severity == Severity::High && self.by.iter().any(|(_, one, _)| one.critical);
        finding.confidence = confidence.clamp(0.0, 1.0);
        for (_, other, _) in &self.by {
            add_missing(&mut finding.evidence, &other.evidence);
            add_missing(&mut finding.tests, &other.tests);
            add_missing(&mut finding.provenance, &other.provenance);
        }
        finding
    }
}

/// Adds what is missing, up to the 50 items a finding may list.
fn add_missing<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for item in more {
        if list.len() < 50 && !list.contains(item) {
            list.push(item.clone());
        }
    }
}

/// Most severe first, then most confident; ids keep the order total.
pub(super) fn by_gravity(a: &Finding, b: &Finding) -> Ordering {
    b.severity
        .cmp(&a.severity)
        .then(b.confidence.total_cmp(&a.confidence))
        .then_with(|| GroupKey::of(a).cmp(&GroupKey::of(b)))
}

/// The lanes heaviest first; the lower index first on ties.
pub(super) fn heaviest_first<'a>(lanes: &[LaneAnswer<'a>]) -> Vec<LaneAnswer<'a>> {
    let mut sorted = lanes.to_vec();
    sorted.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.index.cmp(&b.index)));
    sorted
}

/// Texts and data of `lanes` merged: parts by weight, text of them joined by a blank line, data by majority.
///
/// A part that would take the text beyond `max_text_bytes` is left out with those after it; the flag says so.
pub(super) fn texts_and_data(lanes: &[LaneAnswer<'_>], max_text_bytes: usize) -> (Answer, Vec<Part>, bool) {
    let sorted = heaviest_first(lanes);
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut is_cut = false;
    for lane in sorted.iter().filter(|lane| !lane.answer.text.is_empty()) {
        let separator = if text.is_empty() { "" } else { "\n\n" };
        if text.len() + separator.len() + lane.answer.text.len() > max_text_bytes {
            is_cut = true;
            break;
        }
        text.push_str(separator);
        text.push_str(&lane.answer.text);
        parts.push(Part {
            lane: lane.lane.clone(),
            weight: lane.weight,
            text: lane.answer.text.clone(),
        });
    }
    let votes: Vec<(f64, &Value)> = sorted
        .iter()
        .filter_map(|lane| lane.answer.data.as_ref().map(|data| (lane.weight, data)))
        .collect();
    let answer = Answer {
        text,
        data: fields::merge(&votes),
        tool_calls: sorted.iter().find_map(|lane| lane.answer.tool_calls.clone()),
        model: sorted.iter().find_map(|lane| lane.answer.model.clone()),
        finish_reason: sorted.iter().find_map(|lane| lane.answer.finish_reason.clone()),
        ..Answer::default()
    };
    (answer, parts, is_cut)
}
