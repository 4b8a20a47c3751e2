//! How long a lane may take (atp.md 19.4, 22.4).

use atp_protocol::units::Millis;

use super::{Lane, LaneState};
use crate::session::params::LaneTimers;

/// Which of a lane's timers is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) enum LaneTimer {
    /// A missing chunk is given up.
    Gap,
    /// An agent's PAUSE takes effect.
    Grace,
    /// No first chunk.
    FirstChunk,
    /// No further chunk.
    Idle,
    /// Paused too long.
    Pause,
}

impl Lane {
    /// The timer that is due first.
    pub(in crate::session) fn due(&self, timers: &LaneTimers) -> Option<(Millis, LaneTimer)> {
        if !self.state.is_running() || self.attempt == 0 {
            return None;
        }
        let gap = self
            .reorder
            .hole_since()
            .map(|since| (since.plus(timers.gap_ms), LaneTimer::Gap));
        if self.ending.is_some() {
            return gap;
        }
        let grace = self
            .grace_since
            .filter(|_| !self.hold.agent)
            .map(|since| (since.plus(timers.grace_ms), LaneTimer::Grace));
        let quiet = match (self.state, self.times.first_chunk) {
            (LaneState::Paused, _) => (self.paused_since.plus(timers.pause_max_ms), LaneTimer::Pause),
            (_, None) => (
                self.quiet_since.plus(timers.first_chunk_ms),
                LaneTimer::FirstChunk,
            ),
            (_, Some(_)) => (self.quiet_since.plus(timers.idle_ms), LaneTimer::Idle),
        };
        [gap, grace, Some(quiet)].into_iter().flatten().min()
    }
}
