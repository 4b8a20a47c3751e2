//! The lane machine as a table (atp.md 19.4).

use serde::Serialize;

/// State of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LaneState {
    /// Not yet admitted.
    Init,
    /// Budget is held; its adapter has been or is about to be called.
    Admitted,
    /// The adapter took the call.
    Streaming,
    /// Not read from.
    Paused,
    /// Ended with an answer.
    Finalized,
    /// Ended without one.
    Failed,
    /// Never ran.
    Rejected,
    /// Ended by us.
    Cancelled,
}

/// What happens to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::session) enum LaneEvent {
    Admit,
    Reject,
    /// DISPATCH_OK, or the first chunk.
    Dispatched,
    Pause,
    Resume,
    /// FINAL, or END ok.
    End,
    /// DISPATCH_ERR, FAIL, END error, or a timer.
    Fail,
    /// Another call after a failed one.
    Retry,
    Cancel,
}

impl LaneState {
    /// Whether the lane is over.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Finalized | Self::Failed | Self::Rejected | Self::Cancelled
        )
    }

    /// Whether a call may be running.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Admitted | Self::Streaming | Self::Paused)
    }

    /// The state after `event`; `None` where the table has no row.
    pub(in crate::session) const fn on(self, event: LaneEvent) -> Option<Self> {
        match (self, event) {
            (Self::Init, LaneEvent::Admit) => Some(Self::Admitted),
            (Self::Init, LaneEvent::Reject) => Some(Self::Rejected),
            (Self::Admitted, LaneEvent::Dispatched) | (Self::Paused, LaneEvent::Resume) => {
                Some(Self::Streaming)
            }
            (Self::Streaming, LaneEvent::Pause) => Some(Self::Paused),
            (Self::Streaming | Self::Paused, LaneEvent::End) => Some(Self::Finalized),
            (Self::Admitted | Self::Streaming | Self::Paused, LaneEvent::Fail) => Some(Self::Failed),
            (Self::Admitted | Self::Streaming | Self::Paused, LaneEvent::Retry) => Some(Self::Admitted),
            (Self::Init | Self::Admitted | Self::Streaming | Self::Paused, LaneEvent::Cancel) => {
                Some(Self::Cancelled)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_terminal_state() {
        let events = [
            LaneEvent::Admit,
            LaneEvent::Reject,
            LaneEvent::Dispatched,
            LaneEvent::Pause,
            LaneEvent::Resume,
            LaneEvent::End,
            LaneEvent::Fail,
            LaneEvent::Retry,
            LaneEvent::Cancel,
        ];
        for state in [
            LaneState::Finalized,
            LaneState::Failed,
            LaneState::Rejected,
            LaneState::Cancelled,
        ] {
            assert!(state.is_terminal());
            for event in events {
                assert_eq!(state.on(event), None, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn a_lane_ends_well_even_while_paused() {
        assert_eq!(LaneState::Paused.on(LaneEvent::End), Some(LaneState::Finalized));
        assert_eq!(LaneState::Admitted.on(LaneEvent::End), None);
        assert_eq!(LaneState::Admitted.on(LaneEvent::Pause), None);
    }
}
