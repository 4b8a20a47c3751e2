//! When to repeat a failed request: the policy of clients and of the router towards its own upstreams (atp.md 15.2).

use super::Retry;

/// Bounds of repeating. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// Wait after the first attempt, doubled after each further one.
    pub base_ms: u64,
    /// Longest wait.
    pub cap_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            base_ms: 1_000,
            cap_ms: 60_000,
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the next attempt, in milliseconds; `None` if there is to be none.
    ///
    /// `attempt`: how many were made, from 1. `jitter`: drawn uniformly from 0.5 to 1, clamped to it. `time_left_ms`:
    /// until the request's deadline; a wait that would not leave any of it is refused.
    #[must_use]
    pub fn delay(
        &self,
        retry: Retry,
        is_idempotent: bool,
        attempt: u32,
        jitter: f64,
        time_left_ms: u64,
    ) -> Option<u64> {
        let floor = match retry {
            Retry::Never => return None,
            Retry::IfIdempotent(_) if !is_idempotent => return None,
            Retry::After(ms) | Retry::IfIdempotent(ms) => ms,
        };
        if attempt >= self.attempts {
            return None;
        }
        let doubling = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        let wait = self.base_ms.saturating_mul(doubling).max(floor).min(self.cap_ms);
        let jittered = (wait as f64 * jitter.clamp(0.5, 1.0)) as u64;
        (jittered < time_left_ms).then_some(jittered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 3,
        base_ms: 1_000,
        cap_ms: 60_000,
    };

    #[test]
    fn waits_double_and_respect_the_servers_wish() {
        let far = u64::MAX;
        assert_eq!(POLICY.delay(Retry::After(20), false, 1, 1.0, far), Some(1_000));
        assert_eq!(POLICY.delay(Retry::After(20), false, 2, 0.5, far), Some(1_000));
        assert_eq!(POLICY.delay(Retry::After(9_000), false, 1, 1.0, far), Some(9_000));
        assert_eq!(
            POLICY.delay(Retry::After(999_999), false, 1, 1.0, far),
            Some(60_000)
        );
    }

    #[test]
    fn nothing_is_repeated_in_vain() {
        assert_eq!(POLICY.delay(Retry::Never, true, 1, 1.0, u64::MAX), None);
        assert_eq!(POLICY.delay(Retry::After(0), true, 3, 1.0, u64::MAX), None);
        assert_eq!(POLICY.delay(Retry::After(0), true, 1, 1.0, 1_000), None);
        assert_eq!(
            POLICY.delay(Retry::IfIdempotent(0), false, 1, 1.0, u64::MAX),
            None
        );
        let endless = RetryPolicy {
            attempts: u32::MAX,
            ..POLICY
        };
        assert_eq!(
            endless.delay(Retry::After(0), true, 4_000, 1.0, u64::MAX),
            Some(60_000)
        );
    }
}
