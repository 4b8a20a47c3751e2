//! How often an actor may be restarted.

use std::collections::VecDeque;

use atp_protocol::units::Millis;

/// At most `max` restarts in `window_ms`; beyond, the actor stays down until the window has moved on.
#[derive(Debug, Clone)]
pub struct RestartBudget {
    max: usize,
    window_ms: u64,
    restarts: VecDeque<Millis>,
}

/// What to do about an actor that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it anew.
    Restart,
    /// Leave it down; look again after this many milliseconds.
    Wait(u64),
}

impl RestartBudget {
    /// Ten restarts a minute: enough for a poisoned message now and then, too few for a loop.
    pub const DEFAULT: (usize, u64) = (10, 60_000);

    /// A budget of `max` restarts in any `window_ms`.
    #[must_use]
    pub const fn new(max: usize, window_ms: u64) -> Self {
        Self {
            max,
            window_ms,
            restarts: VecDeque::new(),
        }
    }

    /// Decides about an actor found ended at `now`; a restart is charged at once.
    pub fn on_end(&mut self, now: Millis) -> Verdict {
        while self
            .restarts
            .front()
            .is_some_and(|&at| now.since(at) >= self.window_ms)
        {
            self.restarts.pop_front();
        }
        match self.restarts.front() {
            Some(&oldest) if self.restarts.len() >= self.max => {
                Verdict::Wait(self.window_ms - now.since(oldest))
            }
            _ => {
                self.restarts.push_back(now);
                Verdict::Restart
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_beyond_the_budget_wait_for_the_window() {
        let mut budget = RestartBudget::new(2, 1_000);
        assert_eq!(budget.on_end(Millis(0)), Verdict::Restart);
        assert_eq!(budget.on_end(Millis(400)), Verdict::Restart);
        assert_eq!(budget.on_end(Millis(500)), Verdict::Wait(500));
        assert_eq!(budget.on_end(Millis(1_000)), Verdict::Restart);
        assert_eq!(budget.on_end(Millis(1_100)), Verdict::Wait(300));
    }
}
