//! The timers of section 12.

use super::Timing;
use crate::units::Millis;

/// Time since something was last active.
#[derive(Debug, Clone, Copy)]
pub struct IdleTimer {
    limit_ms: u64,
    last: Millis,
}

impl IdleTimer {
    /// Active at `now`.
    #[must_use]
    pub const fn new(now: Millis, limit_ms: u64) -> Self {
        Self { limit_ms, last: now }
    }

    /// Something happened. A sequenced frame in either direction is activity; a heartbeat is not.
    pub fn touch(&mut self, now: Millis) {
        self.last = self.last.max(now);
    }

    /// Replaces the limit.
    pub const fn set_limit(&mut self, limit_ms: u64) {
        self.limit_ms = limit_ms;
    }

    /// When the limit is reached; inclusive.
    #[must_use]
    pub const fn deadline(&self) -> Millis {
        self.last.plus(self.limit_ms)
    }

    /// Whether the limit is reached.
    #[must_use]
    pub fn is_over(&self, now: Millis) -> bool {
        now >= self.deadline()
    }
}

/// What a tick asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tick {
    /// Nothing.
    Quiet,
    /// Send one heartbeat.
    Beat,
    /// Idle: finish.
    Idle,
}

/// Heartbeat and idle timer of one scope.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    interval_ms: u64,
    last_beat: Millis,
    idle: IdleTimer,
}

impl Pulse {
    /// Active, and having beaten, at `now`.
    #[must_use]
    pub const fn new(now: Millis, timing: Timing) -> Self {
        Self {
            interval_ms: timing.hb_interval_ms,
            last_beat: now,
            idle: IdleTimer::new(now, timing.idle_fin_ms),
        }
    }

    /// Replaces the times, as a hello agrees.
    pub const fn retime(&mut self, timing: Timing) {
        self.interval_ms = timing.hb_interval_ms;
        self.idle.set_limit(timing.idle_fin_ms);
    }

    /// Something happened.
    pub fn touch(&mut self, now: Millis) {
        self.idle.touch(now);
    }

    /// What is due: idle before a heartbeat, and one heartbeat however many intervals have passed.
    pub fn tick(&mut self, now: Millis) -> Tick {
        if self.idle.is_over(now) {
            return Tick::Idle;
        }
        if now.since(self.last_beat) >= self.interval_ms {
            self.last_beat = now;
            return Tick::Beat;
        }
        Tick::Quiet
    }

    /// When [`Self::tick`] next asks for something.
    #[must_use]
    pub fn next_deadline(&self) -> Millis {
        self.idle.deadline().min(self.last_beat.plus(self.interval_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idleness_goes_before_a_beat_and_beats_do_not_catch_up() {
        let timing = Timing {
            hb_interval_ms: 1_000,
            idle_fin_ms: 5_000,
            dead_ms: 3_000,
        };
        let mut pulse = Pulse::new(Millis(0), timing);
        assert_eq!(pulse.next_deadline(), Millis(1_000));
        assert_eq!(pulse.tick(Millis(999)), Tick::Quiet);
        assert_eq!(pulse.tick(Millis(3_500)), Tick::Beat);
        assert_eq!(pulse.tick(Millis(3_501)), Tick::Quiet);
        assert_eq!(pulse.tick(Millis(5_000)), Tick::Idle);
        pulse.touch(Millis(5_000));
        assert_eq!(pulse.tick(Millis(5_000)), Tick::Beat);
    }
}
