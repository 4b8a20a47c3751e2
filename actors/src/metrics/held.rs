//! A gauge that counts what lives.

use metrics::Gauge;

/// One of what a gauge counts, until dropped: no way out of a function forgets it.
pub struct Held(Gauge);

impl Held {
    /// Counts one more.
    #[must_use]
    pub fn by(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
