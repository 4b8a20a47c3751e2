//! Safety grades and the life cycle of a model (routing.md sections 5 and 11).

use serde::{Deserialize, Serialize};

/// How far a model is trusted. Ordered by trust, so that `A > B`; comparing the letters would invert every test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum SafetyGrade {
    /// Lowest, and what an ungraded model counts as.
    #[default]
    D,
    /// Below B.
    C,
    /// Below A.
    B,
    /// Highest.
    A,
}

impl SafetyGrade {
    pub(super) const WORDS: &'static [(&'static str, Self)] =
        &[("A", Self::A), ("B", Self::B), ("C", Self::C), ("D", Self::D)];
}

/// Where a model stands between registration and removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// Serves.
    #[default]
    Active,
    /// Serves when nothing active is left.
    Fallback,
    /// Registered, not yet evaluated; never serves.
    Candidate,
    /// Runs beside others for comparison; never serves.
    Shadow,
    /// On its way out; never serves.
    Deprecated,
}

impl Lifecycle {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("active", Self::Active),
        ("fallback", Self::Fallback),
        ("candidate", Self::Candidate),
        ("shadow", Self::Shadow),
        ("deprecated", Self::Deprecated),
    ];

    /// Whether a caller's work may be sent there.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Active | Self::Fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_ordered_by_trust_at_every_pair() {
        let worst_first = [SafetyGrade::D, SafetyGrade::C, SafetyGrade::B, SafetyGrade::A];
        for (i, low) in worst_first.iter().enumerate() {
            for (j, high) in worst_first.iter().enumerate() {
                assert_eq!(low.cmp(high), i.cmp(&j), "{low:?} {high:?}");
            }
        }
    }

    #[test]
    fn only_active_and_fallback_serve() {
        let serving: Vec<&str> = Lifecycle::WORDS
            .iter()
            .filter(|(_, stage)| stage.serves())
            .map(|(word, _)| *word)
            .collect();
        assert_eq!(serving, ["active", "fallback"]);
    }
}
