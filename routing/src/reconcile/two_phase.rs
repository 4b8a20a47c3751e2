//! Two phases: the proposal most like the others, and a second agent's approval where it is critical (atp.md section 20).

use super::failure::Unreconciled;
use super::first_win;
use super::lane::{Field, LaneAnswer, agreement};
use super::outcome::{Outcome, Reason};
use super::strategy::Strategy;
use crate::agreement::{Mode, Tokens, finding_agreement, two_phase};

/// Mean similarity a text needs to be the proposal.
const THRESHOLD: f64 = 0.6;

pub(super) fn reconcile(field: &Field<'_>) -> Result<Outcome, Unreconciled> {
    let finalized = field.finalized();
    if finalized.is_empty() {
        return first_win::reconcile(field, Reason::LongestPartial);
    }
    if finalized.len() < 2 {
        return Err(Unreconciled::NoQuorum);
    }
    let (acks, proposals): (Vec<_>, Vec<_>) =
        finalized.iter().copied().partition(|lane| lane.answer.is_ack());
    let proposer = propose(&proposals).ok_or(Unreconciled::NoProposal)?;
    let is_critical = proposer.answer.findings.iter().any(|finding| finding.critical);
    let is_independent = |ack: &LaneAnswer<'_>| proposer.source.is_none() || ack.source != proposer.source;
    let reason = if !is_critical {
        Reason::Proposal
    } else if acks.iter().any(is_independent) {
        Reason::Acknowledged
    } else {
        return Err(Unreconciled::NoAck);
    };
    let mut outcome = field.outcome(
        Strategy::TwoPhase,
        &[proposer],
        &proposals,
        proposer.answer.clone(),
        reason,
    );
    outcome.winner = Some(proposer.index);
    Ok(outcome)
}

/// The proposal with the highest mean agreement with the others; among texts it must reach [`THRESHOLD`].
fn propose<'a>(proposals: &[LaneAnswer<'a>]) -> Option<LaneAnswer<'a>> {
    match agreement(proposals).1 {
        Mode::Lexical => {
            let tokens: Vec<Tokens> = proposals.iter().map(|lane| lane.answer.tokens()).collect();
            two_phase(&tokens, THRESHOLD).map(|(at, _)| proposals[at])
        }
        Mode::Findings => proposals
            .iter()
            .max_by(|a, b| {
                mean(a, proposals)
                    .total_cmp(&mean(b, proposals))
                    .then(b.index.cmp(&a.index))
            })
            .copied(),
    }
}

/// Mean finding agreement of one proposal with each other.
fn mean(one: &LaneAnswer<'_>, all: &[LaneAnswer<'_>]) -> f64 {
    let others = all.iter().filter(|other| other.index != one.index);
    let sum: f64 = others
        .map(|other| finding_agreement(&[&one.answer.findings, &other.answer.findings]))
        .sum();
    sum / (all.len().max(2) - 1) as f64
}
