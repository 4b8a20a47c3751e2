//! How often a connection beats and when it is idle or dead (atp.md section 12).

use crate::hello::{HB_INTERVAL_MS, HB_INTERVAL_MS_DEFAULT, IDLE_FIN_MS_DEFAULT, IDLE_FIN_MS_MAX};

/// Times of one connection, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between heartbeats.
    pub hb_interval_ms: u64,
    /// Without activity, until a stream is finished or an unused connection closed.
    pub idle_fin_ms: u64,
    /// Without any inbound byte, until the peer counts as dead.
    pub dead_ms: u64,
}

impl Timing {
    /// Of connections without hello. Published clients beat every 30 s; an idle limit of the same length would be a race.
    pub const LEGACY: Self = Self {
        hb_interval_ms: 30_000,
        idle_fin_ms: 90_000,
        dead_ms: 90_000,
    };

    /// Of connections with hello: proposals clamped to 1 s to 60 s, and to 3 intervals to 10 min. Absent proposals mean 5 s
    /// and 30 s.
    #[must_use]
    pub fn agreed(hb_interval_ms: Option<u64>, idle_fin_ms: Option<u64>) -> Self {
        let interval = hb_interval_ms
            .unwrap_or(HB_INTERVAL_MS_DEFAULT)
            .clamp(*HB_INTERVAL_MS.start(), *HB_INTERVAL_MS.end());
        Self {
            hb_interval_ms: interval,
            idle_fin_ms: idle_fin_ms
                .unwrap_or(IDLE_FIN_MS_DEFAULT)
                .clamp(3 * interval, IDLE_FIN_MS_MAX),
            dead_ms: 3 * interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposals_are_clamped() {
        let default = Timing::agreed(None, None);
        assert_eq!(
            (default.hb_interval_ms, default.idle_fin_ms, default.dead_ms),
            (5_000, 30_000, 15_000)
        );
        let low = Timing::agreed(Some(0), Some(0));
        assert_eq!((low.hb_interval_ms, low.idle_fin_ms), (1_000, 3_000));
        let high = Timing::agreed(Some(u64::MAX), Some(u64::MAX));
        assert_eq!(
            (high.hb_interval_ms, high.idle_fin_ms, high.dead_ms),
            (60_000, 600_000, 180_000)
        );
    }
}
