//! Wire codes (atp.md 15.2).

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $wire:literal),+ $(,)?) => {
        /// A wire code. What each means on every surface stands in one table, in `error/table.rs`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$meta])* #[serde(rename = $wire)] $name),+
        }

        impl Code {
            /// Every code, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The wire form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }
        }
    };
}

codes! {
    /// The frame or request is malformed.
    Proto = "EPROTO",
    /// Well-formed, but a value is not acceptable.
    BadInput = "EBAD_INPUT",
    /// An encoding or feature this side does not have.
    Unsupported = "EUNSUPPORTED",
    /// Over a size limit.
    TooBig = "ETOOBIG",
    /// Does not fit the model's context.
    Context = "ECONTEXT",
    /// The credential or signature is not valid.
    Auth = "EAUTH",
    /// A nonce was seen before.
    Replay = "EREPLAY",
    /// Labels or tenancy forbid it.
    Sec = "ESEC",
    /// Policy forbids it.
    Policy = "EPOLICY",
    /// Too many requests.
    Rate = "ERATE",
    /// The caller's window is full.
    Window = "EWINDOW",
    /// The agent's window is full.
    WindowAgent = "EWINDOW_AGENT",
    /// The node or agent is leaving.
    Draining = "EDRAINING",
    /// The account is exhausted.
    Budget = "EBUDGET",
    /// A gap; send again.
    SeqRetry = "ESEQ_RETRY",
    /// Took too long.
    Timeout = "ETIMEOUT",
    /// The adapter cannot be reached.
    AgentDown = "EAGENTDOWN",
    /// The adapter's circuit is open.
    Circuit = "ECIRCUIT",
    /// The adapter failed.
    Adapter = "EADAPTER",
    /// All lanes of a persona failed.
    Fatal = "EFATAL",
    /// No candidate is left.
    NoRoute = "ENOROUTE",
    /// No such model, stream or path.
    NotFound = "ENOTFOUND",
    /// Lanes did not agree.
    Consensus = "ECONSENSUS",
    /// Gave way to a higher tier.
    Preempt = "EPREEMPT",
    /// The client cancelled.
    Cancel = "ECANCEL",
    /// The hop count ran out.
    Ttl = "ETTL",
    /// The resume token is not valid.
    Resume = "ERESUME",
    /// The idempotency key was used for something else.
    Idem = "EIDEM",
    /// The stream lives elsewhere.
    Moved = "EMOVED",
    /// The operator must mend the configuration.
    Config = "ECONFIG",
    /// A defect of ours.
    Internal = "EINTERNAL",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
