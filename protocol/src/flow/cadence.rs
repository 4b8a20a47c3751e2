//! When a window is told to the peer (atp.md 16.4).

use crate::units::{Millis, Window};

/// When `control.window_update` is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CadenceConfig {
    /// Small changes wait so long after the last update, in milliseconds.
    pub min_interval_ms: u64,
    /// A change of calls by so many is told at once.
    pub delta_parallel: u32,
    /// So is a change of any component by so many percent of what was advertised.
    pub delta_pct: u32,
    /// Without a change the window is told again after so long, in milliseconds.
    pub refresh_ms: u64,
}

impl Default for CadenceConfig {
    fn default() -> Self {
        Self {
            min_interval_ms: 500,
            delta_parallel: 2,
            delta_pct: 20,
            refresh_ms: 30_000,
        }
    }
}

/// What the peer was last told of one scope's window.
///
/// Compared with the last *advertised* window, so that a slow drift is told sooner or later.
#[derive(Debug, Clone)]
pub struct Cadence {
    config: CadenceConfig,
    advertised: Window,
    at: Millis,
}

impl Cadence {
    /// A scope whose first window was granted at `now`, with the SYN-ACK.
    #[must_use]
    pub const fn granted(now: Millis, config: CadenceConfig, window: Window) -> Self {
        Self {
            config,
            advertised: window,
            at: now,
        }
    }

    /// Whether an update is to be sent now; it counts as sent.
    ///
    /// `is_forced`: after an `EWINDOW`, a budget update or a resume.
    pub fn poll(&mut self, now: Millis, window: Window, is_forced: bool) -> bool {
        if !is_forced && now < self.due(window) {
            return false;
        }
        self.advertised = window;
        self.at = now;
        true
    }

    /// When `window` is to be told: in the past if at once.
    #[must_use]
    pub fn due(&self, window: Window) -> Millis {
        if window == self.advertised {
            self.at.plus(self.config.refresh_ms)
        } else if self.is_large(window) {
            Millis(0)
        } else {
            self.at.plus(self.config.min_interval_ms)
        }
    }

    fn is_large(&self, window: Window) -> bool {
        let old = self.advertised;
        let pct = u128::from(self.config.delta_pct);
        let moved = |old: u64, new: u64| {
            (old == 0) != (new == 0)
                || (old != new && u128::from(old.abs_diff(new)) * 100 >= u128::from(old) * pct)
        };
        old.max_parallel.abs_diff(window.max_parallel) >= self.config.delta_parallel
            || moved(old.max_parallel.into(), window.max_parallel.into())
            || moved(old.max_tokens, window.max_tokens)
            || moved(old.max_usd_micros, window.max_usd_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Window = Window {
        max_parallel: 16,
        max_tokens: 1_000,
        max_usd_micros: 0,
    };

    fn granted() -> Cadence {
        Cadence::granted(Millis(0), CadenceConfig::default(), GRANT)
    }

    #[test]
    fn large_changes_are_told_at_once() {
        for window in [
            Window {
                max_parallel: 14,
                ..GRANT
            },
            Window {
                max_parallel: 0,
                ..GRANT
            },
            Window {
                max_tokens: 800,
                ..GRANT
            },
            Window {
                max_usd_micros: 1,
                ..GRANT
            },
        ] {
            assert!(granted().poll(Millis(1), window, false), "{window:?}");
        }
    }

    #[test]
    fn small_changes_wait_and_add_up() {
        let mut cadence = granted();
        let at = |max_tokens| Window { max_tokens, ..GRANT };
        assert!(!cadence.poll(Millis(499), at(801), false));
        assert!(cadence.poll(Millis(499), at(800), false));
        assert!(!cadence.poll(Millis(998), at(799), false));
        assert!(cadence.poll(Millis(999), at(799), false));
    }

    #[test]
    fn an_unchanged_window_is_refreshed_or_told_when_asked() {
        let mut cadence = granted();
        assert!(!cadence.poll(Millis(29_999), GRANT, false));
        assert_eq!(cadence.due(GRANT), Millis(30_000));
        assert!(cadence.poll(Millis(30_000), GRANT, false));
        assert!(cadence.poll(Millis(30_001), GRANT, true));
    }
}
