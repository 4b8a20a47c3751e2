//! Why and when a lane is not read from (atp.md 16.2, 19.4).

use atp_protocol::adapter::AgentStatus;
use atp_protocol::units::Millis;

use super::{Lane, LaneEvent};

/// Why a lane is not read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::session) struct Hold {
    pub(in crate::session) agent: bool,
    pub(in crate::session) buffer: bool,
    pub(in crate::session) client: bool,
}

impl Hold {
    pub(in crate::session) const fn is_any(self) -> bool {
        self.agent || self.buffer || self.client
    }
}

impl Lane {
    /// The agent's word about itself; a repeated PAUSE does not start its grace anew.
    pub(in crate::session) fn agent(&mut self, now: Millis, status: AgentStatus) {
        match status {
            AgentStatus::Ready => {
                self.hold.agent = false;
                self.grace_since = None;
            }
            AgentStatus::Busy => self.hold.agent = true,
            AgentStatus::Pause => {
                self.grace_since.get_or_insert(now);
            }
            AgentStatus::Draining => {}
        }
    }

    /// The grace of a PAUSE is over.
    pub(in crate::session) fn end_grace(&mut self) {
        self.grace_since = None;
        self.hold.agent = true;
    }

    /// Brings PAUSED in line with the reasons to pause; `Some(true)` when the lane was paused, `Some(false)` resumed.
    pub(in crate::session) fn sync_hold(&mut self, now: Millis) -> Option<bool> {
        if self.hold.is_any() && self.on(LaneEvent::Pause) {
            self.paused_since = now;
            Some(true)
        } else if !self.hold.is_any() && self.on(LaneEvent::Resume) {
            self.quiet_since = now;
            Some(false)
        } else {
            None
        }
    }
}
