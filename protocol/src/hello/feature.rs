//! Features by name (atp.md 8.3) and compliance levels (section 24).

use serde::{Deserialize, Serialize};

use crate::payload::Kind;

/// Compliance level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Frames, sequencing, windows, budgets, fan-out.
    Core = 1,
    /// Signatures, anti-replay, data scope, tiers, TLS.
    Secure = 2,
    /// CBOR, compression, resumption, parallel sessions, consensus.
    Advanced = 3,
}

macro_rules! features {
    ($($(#[$meta:meta])* $name:ident = $wire:literal, $level:ident;)+) => {
        /// A feature that both sides have to agree on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature {
            $($(#[$meta])* $name),+
        }

        impl Feature {
            /// All of them, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in a hello.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// The level that first has it.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level),+ }
            }
        }
    };
}

features! {
    /// Retransmission on request.
    Nack = "nack", Core;
    /// Inherited members may be left out by the router.
    Lean = "lean", Core;
    /// Legacy fragment markers and splitting by code points.
    FragLast = "frag_last", Core;
    /// The peer understands budget updates.
    Budget = "budget", Core;
    /// The peer understands traces.
    Trace = "trace", Core;
    /// The peer reacts to congestion marks.
    Ecn = "ecn", Advanced;
    /// The peer understands status payloads.
    Status = "status", Core;
    /// The peer understands tool payloads.
    Tools = "tools", Secure;
    /// The peer understands provisional results.
    Provisional = "provisional", Advanced;
    /// The peer understands lanes.
    Parallel = "parallel", Advanced;
    /// Every frame is signed.
    Sig = "sig", Secure;
    /// Every frame has a nonce and a time.
    Nonce = "nonce", Secure;
    /// Every frame has a checksum.
    Checksum = "checksum", Secure;
    /// Every frame comes in an `ATPC` envelope.
    Atpc = "atpc", Secure;
    /// Streams survive the connection.
    Resume = "resume", Advanced;
    /// Merkle roots on fragmented messages.
    Merkle = "merkle", Advanced;
    /// Informational.
    Consensus = "consensus", Advanced;
    /// Informational.
    Bandit = "bandit", Advanced;
}

impl Feature {
    /// The feature without which payloads of this kind are not sent to a peer; `None` where no peer has to ask for them.
    #[must_use]
    pub const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::BudgetUpdate => Some(Self::Budget),
            Kind::Status | Kind::AgentStatus => Some(Self::Status),
            Kind::ToolRequest | Kind::ToolResult => Some(Self::Tools),
            Kind::AgentProvisional => Some(Self::Provisional),
            Kind::AgentDispatch | Kind::AgentStream | Kind::AgentEnd => Some(Self::Parallel),
            Kind::AgentRequest
            | Kind::AgentPartial
            | Kind::AgentFinal
            | Kind::AgentError
            | Kind::AgentQuestion
            | Kind::AgentLog
            | Kind::AgentEvent
            | Kind::Hello
            | Kind::HelloAck
            | Kind::Resume
            | Kind::ResumeAck
            | Kind::Capability
            | Kind::Health
            | Kind::EstimateRequest
            | Kind::Estimate
            | Kind::WindowUpdate
            | Kind::RouteUpdate
            | Kind::Ack
            | Kind::Error
            | Kind::Heartbeat => None,
        }
    }
}
