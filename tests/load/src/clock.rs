//! The monotonic clock that all processes of this machine share.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since boot. Comparable between processes, unlike `std::time::Instant`.
pub fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).expect("the monotonic clock is not negative")
}

/// A duration in microseconds, with its fraction.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
