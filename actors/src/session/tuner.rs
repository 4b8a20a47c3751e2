//! Tunes how windows of sessions move, where the operator lets it (atp.md 16.3, "PID tuner").

use std::sync::{Mutex, PoisonError};

use atp_protocol::flow::{AimdConfig, Signal, Targets, Tuning};
use atp_protocol::units::Millis;

use crate::metrics::Meter;

/// How the windows of a node's sessions move. Locked once a stream where it is tuned, never where it is not.
pub(super) enum Pace {
    Fixed(AimdConfig),
    Tuned(Mutex<Tuning>),
}

impl Pace {
    pub(super) fn new(config: AimdConfig, is_tuned: bool) -> Self {
        match is_tuned {
            false => Self::Fixed(config),
            true => Self::Tuned(Mutex::new(Tuning::new(config, Targets::default()))),
        }
    }

    /// How a window moves that is opened.
    pub(super) fn config(&self) -> AimdConfig {
        match self {
            Self::Fixed(config) => *config,
            Self::Tuned(tuning) => tuning.lock().unwrap_or_else(PoisonError::into_inner).config(),
        }
    }

    /// Takes what happened to a call. How windows move from there, where that may have changed.
    pub(super) fn observe(&self, now: Millis, signal: Signal, meter: &Meter) -> Option<AimdConfig> {
        let Self::Tuned(tuning) = self else { return None };
        let mut tuning = tuning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(errors) = tuning.observe(now, signal) {
            meter.flow.windows.tuned(&tuning.config(), errors);
        }
        Some(tuning.config())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::world;

    #[test]
    fn windows_are_tuned_only_where_that_is_wanted() {
        let (world, _) = world();
        let config = AimdConfig::default();
        let fixed = Pace::new(config, false);
        assert_eq!(fixed.observe(Millis(0), Signal::Failure, &world.meter), None);
        assert_eq!(fixed.config(), config);
        let tuned = Pace::new(config, true);
        let observe = |now| tuned.observe(Millis(now), Signal::Failure, &world.meter);
        assert_eq!(observe(0), Some(config));
        let slow = |now| {
            let signal = Signal::Success {
                latency_ms: 15_000.0,
                target_ms: None,
            };
            tuned.observe(Millis(now), signal, &world.meter)
        };
        assert_eq!(slow(1_000), Some(config));
        let after = slow(60_000).expect("it is tuned");
        assert!(after.mult < config.mult, "{after:?}");
        assert_eq!(tuned.config(), after);
    }
}
