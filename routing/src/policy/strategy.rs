//! Names of reconciliation strategies and escalation triggers (atp.md sections 20 and 21.5).

use std::fmt;

use serde::Serialize;

/// How the answers of several lanes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Strategy {
    /// The first finished lane.
    #[default]
    FirstWin,
    /// The majority's answer.
    Consensus,
    /// Everything, weighted.
    WeightedMerge,
    /// A model rewrites, without new claims.
    Arbiter,
    /// All grave findings and the supported ones.
    UnionTiebreak,
    /// Propose, then an independent acknowledgement.
    TwoPhase,
    /// A class with enough independent supporters.
    Quorum,
    /// The cheapest acceptable answer, escalated on a trigger.
    ChampionChallenger,
    /// Chosen per request.
    Adaptive,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 9] = [
        Self::FirstWin,
        Self::Consensus,
        Self::WeightedMerge,
        Self::Arbiter,
        Self::UnionTiebreak,
        Self::TwoPhase,
        Self::Quorum,
        Self::ChampionChallenger,
        Self::Adaptive,
    ];

    /// The wire name, of which two are written with a hyphen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstWin => "first-win",
            Self::Consensus => "consensus",
            Self::WeightedMerge => "weighted-merge",
            Self::Arbiter => "arbiter",
            Self::UnionTiebreak => "union_tiebreak",
            Self::TwoPhase => "two_phase",
            Self::Quorum => "quorum",
            Self::ChampionChallenger => "champion_challenger",
            Self::Adaptive => "adaptive",
        }
    }

    /// Reads a name; hyphen and underscore are the same, because policy documents and the wire differ in them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let folded = |byte: u8| if byte == b'-' { b'_' } else { byte };
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str().bytes().map(folded).eq(text.bytes().map(folded)))
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Strategy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

macro_rules! triggers {
    ($($(#[$meta:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What makes a request go to a further adapter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Trigger {
            $($(#[$meta])* #[serde(rename = $word)] $name),+
        }

        impl Trigger {
            /// Every trigger, in the order in which they are checked.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(super) const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$name)),+];

            /// The name in policies, events and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

triggers! {
    /// Confidence below the threshold.
    LowConf = "low_conf",
    /// Agreement below the threshold, or lanes flagged as disagreeing.
    Disagreement = "disagreement",
    /// Agreement below the lower threshold.
    DisagreeHigh = "disagree_high",
    /// Tests were run and one failed.
    TestFail = "test_fail",
    /// Evidence score below the threshold.
    WeakCitations = "weak_citations",
    /// The answer's form is wrong after one repair attempt.
    FormatFail = "format_fail",
    /// A validator calls the answer unsafe.
    SafetyFlag = "safety_flag",
    /// Lanes reached no quorum.
    NoQuorum = "no_quorum",
    /// Most of the latency objective is gone without a final.
    Latency = "latency",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_either_separator() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::parse(strategy.as_str()), Some(strategy));
            assert_eq!(
                Strategy::parse(&strategy.as_str().replace('-', "_")),
                Some(strategy)
            );
            assert_eq!(
                Strategy::parse(&strategy.as_str().replace('_', "-")),
                Some(strategy)
            );
        }
        assert_eq!(Strategy::parse("first win"), None);
        assert_eq!(Strategy::parse(""), None);
    }
}
