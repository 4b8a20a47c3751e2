//! How far answers agree: findings where lanes report any, words where they do not (atp.md section 21, design D12).
//!
//! [`admit`] checks and canonicalises what a lane reports; [`finding_agreement`] and [`lexical_agreement`] compare lanes;
//! [`union`], [`quorum`] and [`two_phase`] choose among texts; [`citations_hold`], [`costs_too_much`] and
//! [`share_weights`] are the guards; [`session_confidence`] is the figure the client sees.
//!
//! At the bounds: findings beyond 200 a lane are dropped and reported, words beyond [`MAX_WORDS`] a text are not compared,
//! regions beyond 200 are not listed.

mod admit;
mod alias;
mod citation;
mod confidence;
mod cost;
mod group;
mod lines;
mod region;
mod sample;
mod text;
mod tokens;

pub use admit::{Admitted, MAX_FINDINGS, Rejected, Rejection, admit};
pub use alias::{Aliases, GroupKey};
pub use citation::citations_hold;
pub use confidence::{session_confidence, share_weights};
pub use cost::{COST_PENALTY, costs_too_much};
pub use group::{fields_match, finding_agreement, group_score};
pub use lines::evidence_overlap;
pub use region::{MAX_REGIONS, Region, disagreement_regions};
pub use sample::{Consistency, Level, self_consistency};
pub use text::{quorum, two_phase, union};
pub use tokens::{MAX_WORDS, Tokens, jaccard, lexical_agreement, mean_pairwise};

/// What an agreement figure was computed from (design D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Findings grouped by file, span and type.
    Findings,
    /// Words of free text: shows likeness, proves nothing.
    Lexical,
}
