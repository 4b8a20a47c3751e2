//! A world for tests: a clock that stands still until it is moved, randomness without any.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atp_protocol::units::UnixMillis;

use super::{Clock, Random, World};
use crate::metrics::Meter;

/// Microseconds, moved by the test.
#[derive(Default)]
pub(crate) struct TestClock(pub(crate) AtomicU64);

impl Clock for TestClock {
    fn micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn unix(&self) -> UnixMillis {
        UnixMillis(self.micros() / 1_000)
    }
}

struct Zeros;

impl Random for Zeros {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}

/// A world, and the clock it goes by.
pub(crate) fn world() -> (World, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let world = World {
        traces: Arc::new(crate::spans::Untraced),
        audit: crate::audit::unaudited(),
        clock: Arc::clone(&clock) as _,
        random: Arc::new(Zeros),
        meter: Arc::new(Meter::new(Arc::new(::metrics::NoopRecorder))),
    };
    (world, clock)
}
