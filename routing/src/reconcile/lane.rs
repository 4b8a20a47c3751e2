//! The lanes that go into a reconciliation.

use atp_protocol::finding::Finding;
use atp_protocol::ids::LaneId;
use atp_protocol::units::Millis;

use super::answer::Answer;
use super::outcome::{Consensus, Outcome, Reason};
use super::{Params, Strategy};
use crate::agreement::{
    Mode, Tokens, finding_agreement, jaccard, lexical_agreement, session_confidence, share_weights,
};

/// Lanes that one is compared with for its own likeness, so that many lanes do not cost their square.
const OTHERS_MAX: usize = 8;

/// One lane's answer and what it counts.
#[derive(Debug, Clone, Copy)]
pub struct LaneAnswer<'a> {
    /// Position of the lane in the session; breaks ties and must differ between lanes.
    pub index: usize,
    /// The lane.
    pub lane: &'a LaneId,
    /// What it said.
    pub answer: &'a Answer,
    /// Its confidence in it, 0 to 1, if it states one.
    pub confidence: Option<f64>,
    /// [`super::Weight::value`], before sources are considered.
    pub weight: f64,
    /// Lanes of equal source (model family and prompt) share one weight.
    pub source: Option<&'a str>,
    /// How often its findings prevailed in conflicts, 0 to 1; settles conflicts in union_tiebreak.
    pub win_rate: Option<f64>,
    /// When it ended.
    pub completed: Millis,
    /// What it cost.
    pub usd_micros: u64,
    /// Escalation step that asked it: a higher one was asked because the lower ones' answers were in doubt.
    pub rank: u8,
    /// Cut short: the deadline came before its FINAL.
    pub is_partial: bool,
}

/// Agreement of lanes: of their findings if any lane reports one, else of their words. `None` below two lanes.
///
/// A single lane is no evidence of agreement, so it must not pass for perfect agreement.
#[must_use]
pub fn agreement(lanes: &[LaneAnswer<'_>]) -> (Option<f64>, Mode) {
    let findings: Vec<&[Finding]> = lanes.iter().map(|lane| lane.answer.findings.as_slice()).collect();
    let is_about_findings = findings.iter().any(|findings| !findings.is_empty());
    let mode = if is_about_findings {
        Mode::Findings
    } else {
        Mode::Lexical
    };
    if lanes.len() < 2 {
        return (None, mode);
    }
    let value = match mode {
        Mode::Findings => finding_agreement(&findings),
        Mode::Lexical => {
            let tokens: Vec<Tokens> = lanes.iter().map(|lane| lane.answer.tokens()).collect();
            lexical_agreement(&tokens)
        }
    };
    (Some(value), mode)
}

/// How like each lane is to the others, its own vote left out: the mean over at most [`OTHERS_MAX`] of them. Findings are
/// compared if any lane reports one, else words. `None` for a lane without others.
#[must_use]
pub fn likeness(lanes: &[LaneAnswer<'_>]) -> Vec<Option<f64>> {
    let is_about_findings = lanes.iter().any(|lane| !lane.answer.findings.is_empty());
    let tokens: Vec<Tokens> = lanes
        .iter()
        .filter(|_| !is_about_findings && lanes.len() > 1)
        .map(|lane| lane.answer.tokens())
        .collect();
    let pair = |a: usize, b: usize| match is_about_findings {
        true => finding_agreement(&[&lanes[a].answer.findings, &lanes[b].answer.findings]),
        false => jaccard(&tokens[a], &tokens[b]),
    };
    (0..lanes.len())
        .map(|own| {
            let others: Vec<f64> = (0..lanes.len())
                .filter(|other| *other != own)
                .take(OTHERS_MAX)
                .map(|other| pair(own, other))
                .collect();
            (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64)
        })
        .collect()
}

/// Lanes in the order of their index, with shared weights.
pub(super) struct Field<'a> {
    /// Lanes with an answer, FINALIZED or partial.
    pub(super) lanes: Vec<LaneAnswer<'a>>,
    /// What to judge by.
    pub(super) params: Params,
}

impl<'a> Field<'a> {
    pub(super) fn of(lanes: &[LaneAnswer<'a>], params: &Params) -> Self {
        let mut lanes = lanes.to_vec();
        lanes.sort_by_key(|lane| lane.index);
        let mut weights: Vec<f64> = lanes.iter().map(|lane| lane.weight.max(0.0)).collect();
        let sources: Vec<Option<&str>> = lanes.iter().map(|lane| lane.source).collect();
        share_weights(&mut weights, &sources);
        for (lane, weight) in lanes.iter_mut().zip(weights) {
            lane.weight = weight;
        }
        Self {
            lanes,
            params: *params,
        }
    }

    /// Lanes that ended with FINAL.
    pub(super) fn finalized(&self) -> Vec<LaneAnswer<'a>> {
        self.lanes
            .iter()
            .filter(|lane| !lane.is_partial)
            .copied()
            .collect()
    }

    /// An outcome that rests on `used`, whose agreement is that of `compared`.
    pub(super) fn outcome(
        &self,
        strategy: Strategy,
        used: &[LaneAnswer<'_>],
        compared: &[LaneAnswer<'_>],
        answer: Answer,
        reason: Reason,
    ) -> Outcome {
        let (agreement, mode) = agreement(compared);
        let confidence =
            session_confidence(used.iter().map(|lane| (lane.weight, lane.confidence)), agreement);
        let mut consensus = Consensus {
            strategy,
            agreement,
            mode,
            uncertainties: Vec::new(),
            lanes_used: used.len(),
            lanes_failed: self.params.lanes_failed,
        };
        for lane in used.iter().filter(|lane| lane.is_partial) {
            consensus.doubt(format!("lane {} was cut short", name(lane.lane)));
        }
        Outcome {
            answer,
            parts: Vec::new(),
            consensus,
            confidence,
            winner: None,
            used: used.iter().map(|lane| lane.index).collect(),
            reason,
        }
    }
}

/// A lane's name in a sentence.
pub(super) fn name(lane: &LaneId) -> String {
    let persona = lane
        .persona
        .as_ref()
        .map_or("default", |persona| persona.as_str());
    match lane.clone {
        Some(clone) => format!("{persona}-{}", clone.0),
        None => persona.to_owned(),
    }
}
