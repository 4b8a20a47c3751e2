//! Signs of life: a ping each third of the silence timeout, and the end after all of it.
//!
//! Pings go out whether or not the other side is heard: they also measure the way there and back. One late answer closes nothing,
//! since anything that comes counts.

use crate::units::Millis;

#[derive(Debug)]
pub(super) struct Pulse {
    silence_ms: u64,
    heard: Millis,
    beat: Millis,
}

impl Pulse {
    pub(super) const fn new(now: Millis, silence_ms: u64) -> Self {
        Self {
            silence_ms,
            heard: now,
            beat: now,
        }
    }

    pub(super) const fn heard(&mut self, now: Millis) {
        self.heard = now;
    }

    pub(super) const fn is_silent(&self, now: Millis) -> bool {
        now.since(self.heard) >= self.silence_ms
    }

    /// A ping is due. Those that were missed are not made up for.
    pub(super) const fn beats(&mut self, now: Millis) -> bool {
        let is_due = now.0 >= self.beat.0;
        if is_due {
            self.beat = now.plus(self.silence_ms / 3);
        }
        is_due
    }

    pub(super) fn next(&self) -> Millis {
        self.beat.min(self.heard.plus(self.silence_ms))
    }
}
