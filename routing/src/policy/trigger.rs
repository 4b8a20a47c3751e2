//! Names of escalation triggers (atp.md 21.5).

use serde::Serialize;

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

impl Trigger {
    /// Whether the answer is known to be wrong: no cost and no storm speaks against a better one (routing.md section 13).
    #[must_use]
    pub const fn is_hard(self) -> bool {
        match self {
            Self::TestFail => true,
            Self::LowConf | Self::Disagreement | Self::DisagreeHigh | Self::WeakCitations | Self::Latency => {
                false
            }
        }
    }
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
    /// Most of the latency objective is gone without a final.
    Latency = "latency",
}
