//! What each session has outstanding, against its window (atp.md 16.1).

use std::collections::BTreeMap;

use atp_protocol::units::{Amount, Window};

use super::item::FlowId;

/// Sessions that wait or run.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    sessions: BTreeMap<FlowId, Session>,
}

#[derive(Debug, Clone, Default)]
struct Session {
    window: Option<Window>,
    running: u32,
    waiting: u32,
    outstanding: Amount,
}

impl Windows {
    /// Whether one more call of that cost stays inside the session's window.
    pub(super) fn fits(&self, flow: &FlowId, cost: Amount) -> bool {
        let Some(session) = self.sessions.get(flow) else {
            return true;
        };
        session.window.is_none_or(|window| {
            let after = session.outstanding.plus(cost);
            session.running < window.max_parallel
                && after.tokens <= window.max_tokens
                && after.usd_micros <= window.max_usd_micros
        })
    }

    /// Replaces the window of a session that waits or runs.
    pub(super) fn set(&mut self, flow: &FlowId, window: Option<Window>) {
        if let Some(session) = self.sessions.get_mut(flow) {
            session.window = window;
        }
    }

    /// A call comes in. Returns whether it brought another window than the session had.
    pub(super) fn wait(&mut self, flow: &FlowId, window: Option<Window>) -> bool {
        let session = self.sessions.entry(flow.clone()).or_default();
        session.waiting += 1;
        std::mem::replace(&mut session.window, window) != window
    }

    /// A call that waited goes away.
    pub(super) fn leave(&mut self, flow: &FlowId) {
        self.change(flow, |session| {
            session.waiting = session.waiting.saturating_sub(1)
        });
    }

    /// A call that waited starts.
    pub(super) fn start(&mut self, flow: &FlowId, cost: Amount) {
        self.change(flow, |session| {
            session.waiting = session.waiting.saturating_sub(1);
            session.running = session.running.saturating_add(1);
            session.outstanding = session.outstanding.plus(cost);
        });
    }

    /// A call that ran ends.
    pub(super) fn end(&mut self, flow: &FlowId, cost: Amount) {
        self.change(flow, |session| {
            session.running = session.running.saturating_sub(1);
            session.outstanding = session.outstanding.minus(cost);
        });
    }

    fn change(&mut self, flow: &FlowId, change: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(flow) else {
            return;
        };
        change(session);
        if session.running == 0 && session.waiting == 0 {
            self.sessions.remove(flow);
        }
    }

    /// Whether no session waits or runs.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}
