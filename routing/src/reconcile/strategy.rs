//! Names of the strategies and when each has what it needs.

use std::fmt;

use serde::{Serialize, Serializer};

/// How lanes become one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// The lane that ends first.
    #[default]
    FirstWin,
    /// The majority by weight.
    Consensus,
    /// All lanes, by weight.
    WeightedMerge,
    /// All grave findings and the corroborated others.
    UnionTiebreak,
    /// A proposal, and an approval where it matters.
    TwoPhase,
    /// A further model rewrites divergent answers.
    Arbiter,
    /// Chosen per request, see [`super::Standing`].
    Adaptive,
}

/// Not the name of a strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no reconciliation strategy; use first-win, consensus, weighted-merge, union_tiebreak, two_phase, arbiter or adaptive"
)]
pub struct UnknownStrategy(String);

/// How the lanes of a session stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Admitted lanes.
    pub lanes: usize,
    /// Those not yet terminal.
    pub live: usize,
    /// Those FINALIZED.
    pub finalized: usize,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::FirstWin,
        Self::Consensus,
        Self::WeightedMerge,
        Self::UnionTiebreak,
        Self::TwoPhase,
        Self::Arbiter,
        Self::Adaptive,
    ];

    /// The name on the wire and in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstWin => "first-win",
            Self::Consensus => "consensus",
            Self::WeightedMerge => "weighted-merge",
            Self::UnionTiebreak => "union_tiebreak",
            Self::TwoPhase => "two_phase",
            Self::Arbiter => "arbiter",
            Self::Adaptive => "adaptive",
        }
    }

    /// Reads a name; `-` and `_` are one.
    ///
    /// # Errors
    /// Lists the names there are.
    pub fn parse(name: &str) -> Result<Self, UnknownStrategy> {
        let normal = |name: &str| name.replace('-', "_");
        Self::ALL
            .into_iter()
            .find(|strategy| normal(strategy.as_str()) == normal(name))
            .ok_or_else(|| UnknownStrategy(name.chars().take(64).collect()))
    }

    /// Whether enough lanes have ended. Their answers may still fail to reconcile.
    #[must_use]
    pub fn is_ready(self, census: Census, quorum_min: usize) -> bool {
        let finalized = census.finalized;
        match self {
            Self::FirstWin | Self::Adaptive => finalized >= 1,
            Self::Consensus => finalized >= quorum(census.lanes, quorum_min),
            Self::WeightedMerge | Self::UnionTiebreak => census.live == 0 && finalized >= 1,
            Self::TwoPhase => finalized >= 2,
            Self::Arbiter => census.live == 0 && finalized >= 2,
        }
    }
}

/// FINALIZED lanes that consensus needs: half of all, and `quorum_min` where there is more than one.
pub(super) fn quorum(lanes: usize, quorum_min: usize) -> usize {
    let half = lanes.div_ceil(2).max(1);
    if lanes > 1 { half.max(quorum_min) } else { half }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
