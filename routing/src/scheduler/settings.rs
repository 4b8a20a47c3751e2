//! Figures of the scheduler (atp.md 18.1).

/// One tier's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TierSettings {
    /// Share of grants when every tier waits, relative to the others.
    pub weight: f64,
    /// Share of the slots that is its own, 0 to 1.
    pub reserved: f64,
    /// Longest wait in milliseconds.
    pub queue_timeout_ms: u64,
    /// Most items waiting; one more is refused.
    pub queue_max: usize,
}

/// The scheduler's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Calls running at once.
    pub slots: usize,
    /// Gold, silver, bronze.
    pub tiers: [TierSettings; 3],
    /// Idle sessions and tenants in each tier whose share is remembered; beyond that those furthest behind are forgotten.
    pub idle_flows: usize,
    /// How long gold waits before others are preempted, in milliseconds.
    pub preempt_after_ms: u64,
    /// How long gold waits before silver is preempted too, in milliseconds.
    pub preempt_silver_after_ms: u64,
    /// Most of the running calls preempted within a second, 0 to 1; at least one call.
    pub preempt_share: f64,
    /// Preempts the calls that ran longest first, else the youngest first.
    pub prefer_oldest: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let tier = |weight, reserved, queue_timeout_ms| TierSettings {
            weight,
            reserved,
            queue_timeout_ms,
            queue_max: 4_096,
        };
        Self {
            slots: 200,
            tiers: [
                tier(5.0, 0.2, 2_000),
                tier(3.0, 0.1, 5_000),
                tier(1.0, 0.0, 2_000),
            ],
            idle_flows: 10_000,
            preempt_after_ms: 100,
            preempt_silver_after_ms: 1_000,
            preempt_share: 0.25,
            prefer_oldest: true,
        }
    }
}
