//! Keeps escalations from becoming the rule (routing.md section 13): where many requests escalate, something is wrong that
//! dearer adapters do not mend.
//!
//! Bound: ten minutes are remembered, each as two counts.

use std::collections::VecDeque;

use atp_protocol::units::Millis;

/// What is remembered, in minutes.
const MINUTES: u64 = 10;

/// Share of requests that may escalate.
const SHARE_MAX: f64 = 0.15;

/// Requests that make a share; the specification names no number, and of two requests one would be a storm.
const REQUESTS_MIN: u64 = 20;

/// How long only hard triggers count from there, in milliseconds.
const STORM_MS: u64 = 300_000;

/// Requests that could escalate and those that did, of one group of tasks.
#[derive(Debug, Clone, Default)]
pub struct StormGuard {
    minutes: VecDeque<Minute>,
    until: Option<Millis>,
}

#[derive(Debug, Clone, Copy)]
struct Minute {
    at: u64,
    requests: u64,
    escalated: u64,
}

impl StormGuard {
    /// Counts a request whose plan has somebody to escalate to. Whether only hard triggers may make it do so.
    pub fn request(&mut self, now: Millis) -> bool {
        self.minute(now).requests += 1;
        self.is_storm(now)
    }

    /// Counts a request that escalates. Whether a storm begins with it: somebody is to be told.
    pub fn escalated(&mut self, now: Millis) -> bool {
        self.minute(now).escalated += 1;
        let sum = |of: fn(&Minute) -> u64| self.minutes.iter().map(of).sum::<u64>();
        let (requests, escalated) = (sum(|minute| minute.requests), sum(|minute| minute.escalated));
        let is_many = requests >= REQUESTS_MIN && escalated as f64 > SHARE_MAX * requests as f64;
        let begins = is_many && !self.is_storm(now);
        if begins {
            self.until = Some(now.plus(STORM_MS));
        }
        begins
    }

    fn is_storm(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// The counts of this minute, after what is too old was forgotten.
    fn minute(&mut self, now: Millis) -> &mut Minute {
        // A clock that went back counts to the latest minute there is.
        let latest = self.minutes.back().map_or(0, |minute| minute.at);
        let at = (now.0 / 60_000).max(latest);
        self.minutes.retain(|minute| minute.at + MINUTES > at);
        if self.minutes.back().is_none_or(|minute| minute.at < at) {
            self.minutes.push_back(Minute {
                at,
                requests: 0,
                escalated: 0,
            });
        }
        self.minutes.back_mut().expect("one was put there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> Millis {
        Millis(minutes * 60_000)
    }

    fn asked(guard: &mut StormGuard, now: Millis, requests: usize) {
        for _ in 0..requests {
            guard.request(now);
        }
    }

    #[test]
    fn more_than_a_share_of_many_is_a_storm_for_five_minutes() {
        let mut guard = StormGuard::default();
        asked(&mut guard, minutes(0), 20);
        let began: Vec<_> = (0..5).map(|_| guard.escalated(minutes(1))).collect();
        assert_eq!(began, [false, false, false, true, false], "it begins once");
        assert!(guard.request(minutes(1)));
        assert!(guard.request(Millis(minutes(6).0 - 1)));
        assert!(!guard.request(minutes(6)));
    }

    #[test]
    fn a_few_requests_are_no_storm() {
        let mut guard = StormGuard::default();
        asked(&mut guard, minutes(0), 19);
        assert!((0..19).all(|_| !guard.escalated(minutes(0))));
        assert!(!guard.request(minutes(0)));
    }

    #[test]
    fn what_is_ten_minutes_old_is_forgotten() {
        let mut guard = StormGuard::default();
        asked(&mut guard, minutes(0), 30);
        assert!((0..4).all(|_| !guard.escalated(minutes(0))));
        asked(&mut guard, minutes(9), 1);
        assert!(guard.escalated(minutes(9)));
        let mut guard = StormGuard::default();
        asked(&mut guard, minutes(0), 30);
        assert!((0..4).all(|_| !guard.escalated(minutes(0))));
        asked(&mut guard, minutes(10), 30);
        assert!(!guard.escalated(minutes(10)));
        assert_eq!(guard.minutes.len(), 1);
    }
}
