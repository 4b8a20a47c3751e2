//! The adaptive window of a session or an agent: additive increase, multiplicative decrease (atp.md 16.3).

use super::Throttle;
use crate::units::{Millis, Window};

/// How a window grows and shrinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AimdConfig {
    /// Start, and floor of latency decreases; 1 to `max_cap`.
    pub base: u32,
    /// Largest window, at most 1000.
    pub max_cap: u32,
    /// Added on success, 1 to 10. A real because the tuner accumulates fractions; applied floored.
    pub add: f64,
    /// Multiplied on failure, 0.1 to 0.9.
    pub mult: f64,
    /// Latency of a good first chunk when the request names none, in milliseconds.
    pub target_ms: f64,
    /// Growth stops at this share of `max_cap`.
    pub high_water: f64,
    /// Spread of the target per decision, as a share of it.
    pub jitter: f64,
    /// After a change, further increases and latency decreases wait so long.
    pub hold_ms: u64,
    /// Marks of congestion within so long count once.
    pub ecn_holdoff_ms: u64,
}

impl Default for AimdConfig {
    fn default() -> Self {
        Self {
            base: 4,
            max_cap: 64,
            add: 1.0,
            mult: 0.5,
            target_ms: 1_500.0,
            high_water: 0.85,
            jitter: 0.05,
            hold_ms: 500,
            ecn_holdoff_ms: 500,
        }
    }
}

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// It succeeded.
    Success {
        /// Time to the first chunk in milliseconds; the whole time would punish long answers.
        latency_ms: f64,
        /// The request's own target, if it has one.
        target_ms: Option<f64>,
    },
    /// It failed, timed out, or the agent's window was full.
    Failure,
    /// A frame of the key carried a congestion mark.
    Ecn,
}

/// What a signal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustment {
    /// The window, in calls.
    pub current: u32,
    /// It is another than before (`flow_window_adjustments_total`).
    pub is_changed: bool,
    /// A congestion mark was acted upon (`ecn_reactions_total`).
    pub is_ecn_reaction: bool,
}

/// One adaptive window.
#[derive(Debug, Clone)]
pub struct Aimd {
    config: AimdConfig,
    current: u32,
    held_until: Millis,
    ecn: Throttle,
}

impl Aimd {
    /// A window at its base.
    #[must_use]
    pub fn new(config: AimdConfig) -> Self {
        Self {
            config,
            current: config.base.clamp(1, config.max_cap.max(1)),
            held_until: Millis(0),
            ecn: Throttle::new(config.ecn_holdoff_ms),
        }
    }

    /// The window, in calls.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// A window whose tokens and money shrink as the calls have below their base; above it, it is whole.
    #[must_use]
    pub fn scaled(&self, whole: Window) -> Window {
        let base = u64::from(self.config.base.max(1));
        let share = |max: u64| max.saturating_mul(u64::from(self.current).min(base)) / base;
        Window {
            max_tokens: share(whole.max_tokens),
            max_usd_micros: share(whole.max_usd_micros),
            ..whole
        }
    }

    /// Replaces how the window moves; where it stands is kept, within the new cap.
    pub fn configure(&mut self, config: AimdConfig) {
        self.config = config;
        self.current = self.current.clamp(1, config.max_cap.max(1));
    }

    /// Applies what happened. `jitter`: drawn uniformly from −1 to 1; 0 in tests.
    pub fn signal(&mut self, now: Millis, signal: Signal, jitter: f64) -> Adjustment {
        let is_ecn_reaction = signal == Signal::Ecn && self.ecn.pass(now);
        let next = match signal {
            Signal::Ecn if !is_ecn_reaction => self.current,
            Signal::Ecn | Signal::Failure => self.shrunk(1),
            Signal::Success { .. } if now < self.held_until => self.current,
            Signal::Success {
                latency_ms,
                target_ms,
            } => {
                let target = target_ms.unwrap_or(self.config.target_ms);
                let jittered = target * (1.0 + self.config.jitter * jitter.clamp(-1.0, 1.0));
                if latency_ms <= jittered {
                    self.grown()
                } else {
                    self.shrunk(self.config.base)
                }
            }
        };
        let is_changed = next != self.current;
        if is_changed {
            self.current = next;
            self.held_until = now.plus(self.config.hold_ms);
        }
        Adjustment {
            current: self.current,
            is_changed,
            is_ecn_reaction,
        }
    }

    fn grown(&self) -> u32 {
        let high = (f64::from(self.config.max_cap) * self.config.high_water).floor();
        if f64::from(self.current) >= high {
            return self.current;
        }
        self.current
            .saturating_add(self.config.add as u32)
            .min(self.config.max_cap)
    }

    /// Never above the current window: a breach must not raise what errors pushed below the floor.
    fn shrunk(&self, floor: u32) -> u32 {
        let shrunk = (f64::from(self.current) * self.config.mult).floor() as u32;
        shrunk.max(floor).max(1).min(self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Signal = Signal::Success {
        latency_ms: 10.0,
        target_ms: None,
    };
    const SLOW: Signal = Signal::Success {
        latency_ms: 9_999.0,
        target_ms: None,
    };

    fn window() -> Aimd {
        Aimd::new(AimdConfig::default())
    }

    #[test]
    fn after_a_change_only_failures_move_the_window() {
        let mut aimd = window();
        assert_eq!(aimd.signal(Millis(0), GOOD, 0.0).current, 5);
        assert!(!aimd.signal(Millis(499), GOOD, 0.0).is_changed);
        assert!(!aimd.signal(Millis(499), SLOW, 0.0).is_changed);
        assert_eq!(aimd.signal(Millis(499), Signal::Failure, 0.0).current, 2);
        assert_eq!(aimd.signal(Millis(500), Signal::Failure, 0.0).current, 1);
        assert_eq!(aimd.signal(Millis(1_000), GOOD, 0.0).current, 2);
    }

    #[test]
    fn marks_within_the_holdoff_count_once() {
        let mut aimd = window();
        assert!(aimd.signal(Millis(0), Signal::Ecn, 0.0).is_ecn_reaction);
        let second = aimd.signal(Millis(499), Signal::Ecn, 0.0);
        assert_eq!((second.current, second.is_ecn_reaction), (2, false));
        assert_eq!(aimd.signal(Millis(500), Signal::Ecn, 0.0).current, 1);
    }

    #[test]
    fn a_breach_does_not_raise_a_window_below_its_base() {
        let mut aimd = window();
        aimd.signal(Millis(0), Signal::Failure, 0.0);
        assert_eq!(aimd.signal(Millis(1_000), SLOW, 0.0).current, 2);
    }

    #[test]
    fn growth_stops_at_the_high_water_mark() {
        let mut aimd = Aimd::new(AimdConfig {
            max_cap: 8,
            ..AimdConfig::default()
        });
        for step in 0..10 {
            aimd.signal(Millis(step * 1_000), GOOD, 0.0);
        }
        assert_eq!(aimd.current(), 6);
    }

    #[test]
    fn the_target_is_the_requests_own_within_the_jitter() {
        let mut aimd = window();
        let at = |latency_ms| Signal::Success {
            latency_ms,
            target_ms: Some(100.0),
        };
        assert_eq!(aimd.signal(Millis(0), at(105.0), 1.0).current, 5);
        assert_eq!(aimd.signal(Millis(1_000), at(96.0), -1.0).current, 4);
    }
}
