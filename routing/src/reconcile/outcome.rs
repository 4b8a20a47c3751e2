//! What a reconciliation yields.

use serde::Serialize;

use super::Strategy;
use super::answer::{Answer, Part};
use crate::agreement::Mode;

/// Uncertainties listed at most; one more line says how many were left out.
pub const MAX_UNCERTAINTIES: usize = 32;

/// The answer of the session and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The answer.
    pub answer: Answer,
    /// Who contributed which text to a merged answer, heaviest first; empty otherwise.
    pub parts: Vec<Part>,
    /// `result.consensus` of the final.
    pub consensus: Consensus,
    /// Confidence of the session; `None` when no lane behind the answer states any.
    pub confidence: Option<f64>,
    /// Index of the lane whose answer it is; `None` for a merged one.
    pub winner: Option<usize>,
    /// Indexes of the lanes it rests on, ascending.
    pub used: Vec<usize>,
    /// What decided it.
    pub reason: Reason,
}

/// `result.consensus` (atp.md 7.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consensus {
    /// How the answer was made.
    pub strategy: Strategy,
    /// How far the lanes agreed; `None` below two lanes.
    pub agreement: Option<f64>,
    /// What agreement was measured on.
    pub mode: Mode,
    /// What the reader should know about the answer's weak points.
    pub uncertainties: Vec<String>,
    /// Lanes the answer rests on.
    pub lanes_used: usize,
    /// Lanes that ended without one.
    pub lanes_failed: usize,
}

impl Consensus {
    /// Adds an uncertainty; beyond [`MAX_UNCERTAINTIES`] only the number of those left out is kept.
    pub fn doubt(&mut self, uncertainty: String) {
        const MORE: &str = "further uncertainties left out: ";
        if self.uncertainties.len() < MAX_UNCERTAINTIES {
            self.uncertainties.push(uncertainty);
            return;
        }
        let last = self.uncertainties.last().and_then(|line| line.strip_prefix(MORE));
        match last.and_then(|count| count.parse::<u64>().ok()) {
            Some(count) => {
                self.uncertainties.pop();
                self.uncertainties.push(format!("{MORE}{}", count + 1));
            }
            None => self.uncertainties.push(format!("{MORE}1")),
        }
    }
}

/// What decided an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The lane that was first to end.
    FirstFinal,
    /// No lane ended in time; the longest partial.
    LongestPartial,
    /// A group of like answers holds most of the weight.
    Majority,
    /// Two groups weigh the same; the one with the heaviest lane.
    HeaviestOfTied,
    /// All lanes merged.
    Merged,
    /// Proposal most like the others.
    Proposal,
    /// Proposal approved by a second agent.
    Acknowledged,
    /// Results agreed, so no arbiter was needed.
    ResultsConverged,
    /// The arbiter's rewrite.
    Arbitrated,
    /// The arbiter would have cost too much; first-win.
    BudgetExceeded,
    /// The arbiter failed or overstepped; first-win.
    ArbiterFailed,
}
