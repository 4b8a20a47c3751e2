//! Payload types and their names (atp.md 7.1).

use crate::frame::{Flag, Flags};

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $wire:literal $(| $alias:literal)* $(, any case: $($upper:literal)|+)?;)+) => {
        /// A payload type we know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$meta])* $name),+
        }

        impl Kind {
            /// All of them, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The canonical name, which is the one sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// The type of a received name: canonical or an alias, exact; else one of the upper-case control names in any
            /// case. `None` for types of a later version.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($wire $(| $alias)* => Some(Self::$name),)+
                    _ => Self::parse_any_case(name),
                }
            }

            fn parse_any_case(name: &str) -> Option<Self> {
                $($(if [$($upper),+].iter().any(|upper| name.eq_ignore_ascii_case(upper)) {
                    return Some(Self::$name);
                })?)+
                None
            }
        }
    };
}

kinds! {
    /// Work for the router or an agent.
    AgentRequest = "agent.request" | "completion" | "completion_request";
    /// A piece of a result.
    AgentPartial = "agent.result.partial" | "partial";
    /// A result that may be revised.
    AgentProvisional = "agent.result.provisional" | "provisional";
    /// A result.
    AgentFinal = "agent.result.final" | "final" | "completion_response", any case: "FINAL";
    /// A lane failed.
    AgentError = "agent.result.error";
    /// An agent asks the client.
    AgentQuestion = "agent.question" | "question" | "agent.result.question";
    /// A note that is not part of the result.
    AgentLog = "agent.log" | "log" | "agent.result.log";
    /// Something happened to the request.
    AgentEvent = "agent.event" | "event";
    /// An agent's status changed.
    AgentStatus = "agent.status";
    /// Work for the lanes of a parallel session.
    AgentDispatch = "agent.dispatch", any case: "DISPATCH";
    /// A chunk of a lane.
    AgentStream = "agent.stream", any case: "STREAM";
    /// The end of a lane.
    AgentEnd = "agent.end", any case: "END";
    /// A tool is to be called.
    ToolRequest = "tool.request";
    /// What the tool answered.
    ToolResult = "tool.result";
    /// Proposal of a connection's terms.
    Hello = "control.hello";
    /// The terms agreed.
    HelloAck = "control.hello_ack";
    /// Re-attach to a stream.
    Resume = "control.resume", any case: "RESUME";
    /// Re-attached.
    ResumeAck = "control.resume_ack";
    /// Readiness.
    Status = "control.status", any case: "STATUS";
    /// What an adapter can do.
    Capability = "adapter.capability" | "control.capabilities", any case: "CAPABILITIES" | "CAPABILITY";
    /// An adapter's condition.
    Health = "adapter.health" | "control.health", any case: "HEALTH";
    /// What would a call cost?
    EstimateRequest = "control.estimate_request";
    /// It would cost this. The alias is read as the answer: the router is asked for nothing.
    Estimate = "control.estimate", any case: "ESTIMATE";
    /// A window changed.
    WindowUpdate = "control.window_update", any case: "WINDOW_UPDATE";
    /// A budget changed.
    BudgetUpdate = "control.budget_update", any case: "BUDGET_UPDATE";
    /// Routes between routers changed.
    RouteUpdate = "control.route_update", any case: "ROUTE_UPDATE";
    /// Acknowledgement.
    Ack = "control.ack";
    /// An error.
    Error = "control.error" | "error", any case: "ERROR";
    /// Liveness.
    Heartbeat = "heartbeat", any case: "HB" | "HEARTBEAT";
}

impl Kind {
    /// Whether the payload bypasses data queues: `control.*`, `adapter.*` and `agent.status`.
    #[must_use]
    pub fn is_control(self) -> bool {
        self == Self::AgentStatus || self.is_adapter() || self.as_str().starts_with("control.")
    }

    /// Whether an adapter says something of itself: `adapter.*`.
    #[must_use]
    pub fn is_adapter(self) -> bool {
        matches!(self, Self::Capability | Self::Health)
    }

    /// Whether frames of this type are numbered, acknowledged and retransmitted. Of the others the newest wins.
    #[must_use]
    pub fn is_sequenced(self) -> bool {
        // a lost or repeated `add` would falsify money
        self == Self::BudgetUpdate || !(self.is_control() || self == Self::Heartbeat)
    }

    /// Whether the content may stand in the payload itself.
    #[must_use]
    pub fn is_hoisted(self) -> bool {
        let is_lane = matches!(self, Self::AgentDispatch | Self::AgentStream | Self::AgentEnd);
        is_lane || self == Self::Heartbeat || !self.as_str().starts_with("agent.")
    }

    /// The flags that frames of this type carry by themselves, besides those that the life of the stream adds.
    #[must_use]
    pub fn flags(self) -> Flags {
        match self {
            Self::Hello => Flags::of(&[Flag::Syn, Flag::Ctrl]),
            Self::HelloAck => Flags::of(&[Flag::Syn, Flag::Ack, Flag::Ctrl]),
            Self::Resume => Flags::of(&[Flag::Syn, Flag::Resume, Flag::Ctrl]),
            Self::ResumeAck => Flags::of(&[Flag::Syn, Flag::Ack, Flag::Ctrl]),
            Self::Ack => Flags::of(&[Flag::Ack, Flag::Ctrl]),
            Self::Heartbeat => Flags::of(&[Flag::Heartbeat]),
            kind if kind.is_control() => Flags::of(&[Flag::Ctrl]),
            _ => Flags::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canonical_name_reads_as_its_own_type() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn aliases_are_exact_and_control_names_of_any_case() {
        assert_eq!(Kind::parse("completion"), Some(Kind::AgentRequest));
        assert_eq!(Kind::parse("Completion"), None);
        assert_eq!(Kind::parse("agent.result.question"), Some(Kind::AgentQuestion));
        assert_eq!(Kind::parse("Window_Update"), Some(Kind::WindowUpdate));
        assert_eq!(Kind::parse("hb"), Some(Kind::Heartbeat));
        assert_eq!(Kind::parse("Error"), Some(Kind::Error));
        assert_eq!(Kind::parse("AGENT.REQUEST"), None);
        assert_eq!(Kind::parse("agent.thought"), None);
    }

    #[test]
    fn only_work_and_money_are_sequenced() {
        let unsequenced: Vec<_> = Kind::ALL
            .iter()
            .filter(|kind| !kind.is_sequenced())
            .map(|kind| kind.as_str())
            .collect();
        assert_eq!(
            unsequenced,
            [
                "agent.status",
                "control.hello",
                "control.hello_ack",
                "control.resume",
                "control.resume_ack",
                "control.status",
                "adapter.capability",
                "adapter.health",
                "control.estimate_request",
                "control.estimate",
                "control.window_update",
                "control.route_update",
                "control.ack",
                "control.error",
                "heartbeat",
            ]
        );
    }

    #[test]
    fn results_are_not_hoisted() {
        assert!(!Kind::AgentPartial.is_hoisted());
        assert!(!Kind::AgentStatus.is_hoisted());
        assert!(Kind::AgentStream.is_hoisted());
        assert!(Kind::ToolResult.is_hoisted());
        assert!(Kind::Heartbeat.is_hoisted());
    }
}
