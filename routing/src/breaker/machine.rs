//! The three states.

use atp_protocol::units::Millis;

use super::{Cause, Outcome, Rejection, Trip};

/// Wait named to callers that come while all probes are out, in milliseconds (atp.md 15.2, `ECIRCUIT`).
const PROBES_OUT_RETRY_MS: u64 = 200;

/// How patient a breaker is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Failures, less successes, at which it opens.
    pub fail_threshold: u32,
    /// How long it stays open, in milliseconds.
    pub reset_timeout_ms: u64,
    /// Successes of probes that close it, and most probes out at once.
    pub half_open_successes: u32,
    /// What the reset timeout is multiplied by when a probe fails; at least 1.
    pub reset_backoff: f64,
    /// Longest reset timeout in milliseconds.
    pub reset_timeout_max_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fail_threshold: 5,
            reset_timeout_ms: 30_000,
            half_open_successes: 2,
            reset_backoff: 1.0,
            reset_timeout_max_ms: 300_000,
        }
    }
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// A few probes.
    HalfOpen,
}

impl State {
    /// The name in health reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Leave to make one call; handed back with its outcome.
#[must_use = "a permit goes back with the outcome of the call, Outcome::Neutral if there was none"]
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    generation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Closed {
        failures: u32,
    },
    Open {
        trip: Trip,
    },
    HalfOpen {
        trip: Trip,
        successes: u32,
        probes: u32,
        last_probe: Millis,
    },
}

/// The breaker of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Breaker {
    settings: Settings,
    phase: Phase,
    /// Counts changes of phase.
    generation: u64,
    /// The reset timeout in force, backoff included.
    reset_timeout_ms: u64,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Closed { failures: 0 },
            generation: 0,
            reset_timeout_ms: settings.reset_timeout_ms,
        }
    }

    /// The state as last decided: an open breaker whose time has come turns half open with the next call.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Why it is not closed.
    #[must_use]
    pub const fn trip(&self) -> Option<Trip> {
        match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { trip } | Phase::HalfOpen { trip, .. } => Some(trip),
        }
    }

    /// Whether [`Self::allow`] would let a call through, without letting it through.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn check(&self, now: Millis) -> Result<(), Rejection> {
        match self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { trip } => match trip.reset_timeout_ms.saturating_sub(now.since(trip.at)) {
                0 => Ok(()),
                retry_after_ms => Err(Rejection { trip, retry_after_ms }),
            },
            Phase::HalfOpen {
                trip,
                probes,
                last_probe,
                ..
            } => {
                let are_lost = now.since(last_probe) >= self.reset_timeout_ms;
                match probes < self.probes_max() || are_lost {
                    true => Ok(()),
                    false => Err(Rejection {
                        trip,
                        retry_after_ms: PROBES_OUT_RETRY_MS,
                    }),
                }
            }
        }
    }

    /// Lets a call through, as a probe if half open.
    ///
    /// # Errors
    /// [`Rejection`]; nothing changed.
    pub fn allow(&mut self, now: Millis) -> Result<Permit, Rejection> {
        self.check(now)?;
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { trip } => {
                let trip = *trip;
                self.enter(Phase::HalfOpen {
                    trip,
                    successes: 0,
                    probes: 1,
                    last_probe: now,
                });
            }
            Phase::HalfOpen {
                probes, last_probe, ..
            } => {
                // those that are out and were let pass by check() are lost
                *probes = if *probes < self.settings.half_open_successes.max(1) {
                    *probes + 1
                } else {
                    1
                };
                *last_probe = now;
            }
        }
        Ok(Permit {
            generation: self.generation,
        })
    }

    /// Takes back a permit with the outcome of its call.
    pub fn record(&mut self, now: Millis, permit: Permit, outcome: Outcome) {
        if permit.generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed { failures } => match outcome {
                Outcome::Success => *failures = failures.saturating_sub(1),
                Outcome::Neutral => {}
                Outcome::Failure(cause) => {
                    *failures += 1;
                    let failures = *failures;
                    if failures >= self.settings.fail_threshold {
                        self.open(now, cause, failures, false);
                    }
                }
            },
            // permits end with the phase they were given in, and an open breaker gives none
            Phase::Open { .. } => {}
            Phase::HalfOpen {
                successes, probes, ..
            } => {
                *probes = probes.saturating_sub(1);
                match outcome {
                    Outcome::Success => {
                        *successes += 1;
                        if *successes >= self.settings.half_open_successes {
                            self.reset_timeout_ms = self.settings.reset_timeout_ms;
                            self.enter(Phase::Closed { failures: 0 });
                        }
                    }
                    Outcome::Neutral => {}
                    Outcome::Failure(cause) => {
                        self.back_off();
                        self.open(now, cause, 1, true);
                    }
                }
            }
        }
    }

    fn probes_max(&self) -> u32 {
        self.settings.half_open_successes.max(1)
    }

    fn open(&mut self, at: Millis, cause: Cause, failures: u32, was_probe: bool) {
        let reset_timeout_ms = self.reset_timeout_ms;
        self.enter(Phase::Open {
            trip: Trip {
                at,
                cause,
                failures,
                was_probe,
                reset_timeout_ms,
            },
        });
    }

    fn back_off(&mut self) {
        // a float converts saturating; not below what it was, whatever the factor
        let longer = (self.reset_timeout_ms as f64 * self.settings.reset_backoff) as u64;
        let max = self
            .settings
            .reset_timeout_max_ms
            .max(self.settings.reset_timeout_ms);
        self.reset_timeout_ms = longer.max(self.reset_timeout_ms).min(max);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }
}
