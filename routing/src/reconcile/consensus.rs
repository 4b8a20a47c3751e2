//! Consensus: like answers form groups, and the group with most of the weight wins (atp.md section 20).

use std::cmp::Ordering;

use super::failure::Unreconciled;
use super::first_win;
use super::lane::{Field, LaneAnswer};
use super::outcome::{Outcome, Reason};
use super::strategy::{Strategy, quorum};
use crate::agreement::{Tokens, jaccard};

/// Similarity to a group's first member from which an answer belongs to the group.
const LIKE: f64 = 0.85;

struct Group<'a> {
    representative: Tokens,
    members: Vec<LaneAnswer<'a>>,
}

impl Group<'_> {
    fn weight(&self) -> f64 {
        self.members.iter().map(|lane| lane.weight).sum()
    }

    fn heaviest(&self) -> f64 {
        self.members.iter().map(|lane| lane.weight).fold(0.0, f64::max)
    }
}

pub(super) fn reconcile(field: &Field<'_>) -> Result<Outcome, Unreconciled> {
    let finalized = field.finalized();
    if finalized.is_empty() {
        return first_win::reconcile(field, Reason::LongestPartial);
    }
    if finalized.len() < quorum(field.params.lanes, field.params.quorum_min) {
        return Err(Unreconciled::NoQuorum);
    }
    let total: f64 = finalized.iter().map(|lane| lane.weight).sum();
    let groups = group(&finalized);
    let (winner, reason) = majority(&groups, total).ok_or(Unreconciled::NoMajority)?;
    let speaker = winner
        .members
        .iter()
        .max_by(|a, b| by_vote(a, b))
        .expect("a group is made with its first member");
    let mut outcome = field.outcome(
        Strategy::Consensus,
        &winner.members,
        &finalized,
        speaker.answer.clone(),
        reason,
    );
    outcome.winner = Some(speaker.index);
    let dissenting = finalized.len() - winner.members.len();
    if dissenting > 0 {
        outcome.consensus.doubt(format!(
            "{dissenting} of {} lanes answered otherwise",
            finalized.len()
        ));
    }
    Ok(outcome)
}

/// Greedy in lane order: each answer joins the first group whose representative it is like.
fn group<'a>(lanes: &[LaneAnswer<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for lane in lanes {
        let tokens = lane.answer.tokens();
        let home = groups
            .iter_mut()
            .find(|group| jaccard(&group.representative, &tokens) >= LIKE);
        match home {
            Some(group) => group.members.push(*lane),
            None => groups.push(Group {
                representative: tokens,
                members: vec![*lane],
            }),
        }
    }
    groups
}

/// The group with more than half of the weight, or of two halves the one with the heaviest lane.
fn majority<'g, 'a>(groups: &'g [Group<'a>], total: f64) -> Option<(&'g Group<'a>, Reason)> {
    let half = total / 2.0;
    let near = |weight: f64| (weight - half).abs() <= 1e-9 * total;
    if let Some(group) = groups
        .iter()
        .find(|group| group.weight() > half && !near(group.weight()))
    {
        return Some((group, Reason::Majority));
    }
    let [a, b] = groups
        .iter()
        .filter(|group| near(group.weight()))
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    match a.heaviest().partial_cmp(&b.heaviest()) {
        Some(Ordering::Greater) => Some((a, Reason::HeaviestOfTied)),
        Some(Ordering::Less) => Some((b, Reason::HeaviestOfTied)),
        Some(Ordering::Equal) | None => None,
    }
}

/// By weight times confidence; the lower index is the greater. A lane that states no confidence counts half.
fn by_vote(a: &LaneAnswer<'_>, b: &LaneAnswer<'_>) -> Ordering {
    let vote = |lane: &LaneAnswer<'_>| lane.weight * lane.confidence.unwrap_or(0.5);
    vote(a).total_cmp(&vote(b)).then(b.index.cmp(&a.index))
}
