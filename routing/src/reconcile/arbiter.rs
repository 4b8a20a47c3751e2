//! Arbiter: a further model rewrites divergent answers and may add nothing (atp.md 21.4).

use std::collections::BTreeSet;

use super::Params;
use super::answer::Answer;
use super::failure::Unreconciled;
use super::first_win;
use super::lane::{Field, LaneAnswer, agreement};
use super::outcome::{Outcome, Reason};
use super::strategy::Strategy;
use crate::agreement::{Aliases, GroupKey, Tokens, admit};

/// Share of a sentence's words that one input must hold for the sentence to be taken from it.
const TAKEN_FROM: f64 = 0.6;

/// What the arbiter answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rewrite {
    /// Findings or text, or both.
    pub answer: Answer,
    /// Its confidence in it, 0 to 1.
    pub confidence: Option<f64>,
    /// What it cost.
    pub usd_micros: u64,
}

/// Why a rewrite is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nothing in it.
    #[error("the rewrite is empty")]
    Empty,
    /// A finding that no lane reported.
    #[error("the rewrite holds a finding that no lane reported")]
    NewFinding,
    /// A sentence that no lane's words support.
    #[error("the rewrite holds a claim that no lane made")]
    NewClaim,
    /// A finding that is malformed.
    #[error("the rewrite holds a malformed finding")]
    Malformed,
}

/// Without an arbiter's word: first-win where results agree, else a call for one.
pub(super) fn reconcile(field: &Field<'_>) -> Result<Outcome, Unreconciled> {
    let finalized = field.finalized();
    if finalized.len() < 2 {
        return first_win::reconcile(field, Reason::FirstFinal);
    }
    let (value, mode) = agreement(&finalized);
    if value.is_some_and(|value| value < field.params.agree_min) {
        return Err(Unreconciled::Divergent);
    }
    let mut outcome = first_win::reconcile(field, Reason::ResultsConverged)?;
    outcome.consensus.strategy = Strategy::Arbiter;
    outcome.consensus.agreement = value;
    outcome.consensus.mode = mode;
    Ok(outcome)
}

/// Checks an arbiter's rewrite against the answers it was made of and makes it the outcome.
///
/// # Errors
/// A rewrite that adds anything is refused as a whole; the session falls back to first-win.
pub fn accept(
    rewrite: Rewrite,
    lanes: &[LaneAnswer<'_>],
    aliases: &Aliases,
    params: &Params,
) -> Result<Outcome, Refusal> {
    let Rewrite {
        mut answer,
        confidence,
        ..
    } = rewrite;
    let field = Field::of(lanes, params);
    let admitted = admit(std::mem::take(&mut answer.findings), aliases);
    if !admitted.rejected.is_empty() {
        return Err(Refusal::Malformed);
    }
    answer.findings = admitted.findings;
    if answer.findings.is_empty() && answer.text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    check_findings(&answer, &field)?;
    check_text(&answer, &field)?;
    // Rewrites are of findings or text; anything else would be new.
    answer.data = None;
    answer.tool_calls = None;
    answer.body = None;
    let mut outcome = field.outcome(
        Strategy::Arbiter,
        &field.lanes,
        &field.lanes,
        answer,
        Reason::Arbitrated,
    );
    outcome.confidence = confidence
        .filter(|it| (0.0..=1.0).contains(it))
        .or(outcome.confidence);
    Ok(outcome)
}

fn check_findings(answer: &Answer, field: &Field<'_>) -> Result<(), Refusal> {
    let known: BTreeSet<GroupKey> = field
        .lanes
        .iter()
        .flat_map(|lane| &lane.answer.findings)
        .map(GroupKey::of)
        .collect();
    let is_known = |finding| known.contains(&GroupKey::of(finding));
    if answer.findings.iter().all(is_known) {
        Ok(())
    } else {
        Err(Refusal::NewFinding)
    }
}

/// Each sentence must be taken from one input: from its text, or from the claims of its findings.
fn check_text(answer: &Answer, field: &Field<'_>) -> Result<(), Refusal> {
    let inputs: Vec<Tokens> = field
        .lanes
        .iter()
        .map(|lane| {
            let claims = lane.answer.findings.iter().map(|finding| finding.claim.as_str());
            bare_words(claims.chain([lane.answer.text.as_str()]))
        })
        .collect();
    let is_taken = |sentence: &str| {
        let words = bare_words([sentence]);
        inputs
            .iter()
            .any(|input| words.shared_with(input) as f64 >= TAKEN_FROM * words.len() as f64)
    };
    let mut sentences = answer.text.split_inclusive(['.', '!', '?', '\n']);
    if sentences.all(is_taken) {
        Ok(())
    } else {
        Err(Refusal::NewClaim)
    }
}

/// The words of `texts` without the punctuation around them.
fn bare_words<'t>(texts: impl IntoIterator<Item = &'t str>) -> Tokens {
    let mut words = Tokens::default();
    for word in texts.into_iter().flat_map(str::split_whitespace) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            words.insert(word.to_lowercase());
        }
    }
    words
}
