//! When a tier's queue has become too slow (atp.md 16.5).

/// Thresholds, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatermarkConfig {
    /// A wait above this is long.
    pub high_ms: f64,
    /// A wait not above this ends the high state.
    pub low_ms: f64,
    /// So many long waits in a row enter it.
    pub require_n: u32,
}

impl Default for WatermarkConfig {
    fn default() -> Self {
        Self {
            high_ms: 250.0,
            low_ms: 50.0,
            require_n: 3,
        }
    }
}

/// Longest wait suggested to clients, in milliseconds.
const SUGGESTED_MAX_MS: f64 = 1_000.0;

/// The queue of one tier, by its waits.
#[derive(Debug, Clone)]
pub struct Watermark {
    config: WatermarkConfig,
    run: u32,
    is_high: bool,
}

impl Watermark {
    /// A queue without a wait.
    #[must_use]
    pub const fn new(config: WatermarkConfig) -> Self {
        Self {
            config,
            run: 0,
            is_high: false,
        }
    }

    /// Observes a wait. Returns the wait to suggest to clients, in milliseconds, when this one enters the high state
    /// (`queue_high_watermark_events_total`).
    pub fn observe(&mut self, wait_ms: f64) -> Option<u64> {
        if wait_ms <= self.config.low_ms {
            self.is_high = false;
        }
        if wait_ms <= self.config.high_ms || wait_ms.is_nan() {
            self.run = 0;
            return None;
        }
        self.run = self.run.saturating_add(1);
        if self.is_high || self.run < self.config.require_n {
            return None;
        }
        self.is_high = true;
        Some(wait_ms.min(SUGGESTED_MAX_MS) as u64)
    }

    /// Whether clients are told BUSY, frames marked and new bronze streams refused.
    #[must_use]
    pub const fn is_high(&self) -> bool {
        self.is_high
    }
}

/// Whether a frame is sent with the `ECN` flag (atp.md 16.6): the tier's watermark is high, the egress queue to the peer is
/// over half full, or the frame came marked. A mark is never taken off.
#[must_use]
pub const fn is_marked(is_high: bool, queued: usize, bound: usize, came_marked: bool) -> bool {
    is_high || came_marked || queued > bound / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_state_is_entered_once_and_left_at_the_low_mark() {
        let mut watermark = Watermark::new(WatermarkConfig::default());
        assert_eq!(watermark.observe(2_000.0), None);
        assert_eq!(watermark.observe(2_000.0), None);
        assert_eq!(watermark.observe(2_000.0), Some(1_000));
        assert_eq!(watermark.observe(300.0), None);
        watermark.observe(51.0);
        assert!(watermark.is_high());
        watermark.observe(50.0);
        assert!(!watermark.is_high());
    }

    #[test]
    fn a_mark_survives_and_a_half_full_queue_marks() {
        assert!(is_marked(false, 0, 256, true));
        assert!(is_marked(false, 129, 256, false));
        assert!(!is_marked(false, 128, 256, false));
        assert!(is_marked(true, 0, 256, false));
    }
}
