//! Another call on another target, before the first delivered piece (atp.md 22.4).

use atp_protocol::error::{Code, Fault};

use super::action::{Cause, Event, Step};
use super::input::Call;
use super::lane::LaneEvent;
use super::machine::ParallelSession;
use super::params::LaneIx;

impl ParallelSession {
    /// Another call, on another target, while nothing was delivered yet; `false` when there is none to be had.
    pub(super) fn retry(&mut self, at: LaneIx, fault: &Fault) -> bool {
        let (now, until, retries, seed) = (self.now, self.deadline(), self.params.retries, self.params.seed);
        let Some(lane) = self.lanes.get_mut(at.0) else {
            return false;
        };
        let made = lane.attempt.saturating_sub(1);
        let fallback = lane.plan.fallbacks.get(made as usize).copied();
        let (Some(target), false) = (fallback, lane.has_delivered) else {
            return false;
        };
        let delay_ms = backoff(retries.base_ms, made, seed ^ (at.0 as u64) << 32);
        let is_worthwhile = made < retries.max && is_transient(fault) && now.plus(delay_ms) < until;
        if !is_worthwhile || !lane.on(LaneEvent::Retry) {
            return false;
        }
        lane.called(now, target, delay_ms);
        let call = Call {
            lane: at,
            attempt: lane.attempt,
        };
        self.event(Cause::Retry, Event::ModelSwitch, Some(at), fault.code.as_str());
        self.act(
            Cause::Retry,
            Step::Dispatch {
                call,
                target,
                delay_ms,
            },
        );
        true
    }
}

/// Failures that another target may not have.
fn is_transient(fault: &Fault) -> bool {
    fault.retryable != Some(false)
        && matches!(
            fault.code,
            Code::AgentDown
                | Code::Circuit
                | Code::Adapter
                | Code::WindowAgent
                | Code::Draining
                | Code::Timeout
        )
}

/// `base · 2^made`, at most a minute, shortened by up to half.
fn backoff(base_ms: u64, made: u32, seed: u64) -> u64 {
    let whole = base_ms.saturating_mul(1 << made.min(10)).min(60_000);
    whole - whole / 2 * (mix(seed ^ u64::from(made)) % 1_024) / 1_024
}

/// SplitMix64: spreads a seed over all bits.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time_and_never_all_alike() {
        for made in 0..3 {
            let waits: Vec<u64> = (0..50).map(|seed| backoff(100, made, seed)).collect();
            let whole = 100 << made;
            assert!(
                waits.iter().all(|wait| (whole / 2..=whole).contains(wait)),
                "{waits:?}"
            );
            assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
        }
        assert_eq!(backoff(0, 3, 1), 0);
        assert!(backoff(u64::MAX, 60, 7) > 0);
    }

    #[test]
    fn only_what_another_target_may_mend_is_retried() {
        assert!(is_transient(&Fault::new(Code::AgentDown, "")));
        assert!(!is_transient(&Fault::new(Code::AgentDown, "").terminal()));
        assert!(!is_transient(&Fault::new(Code::BadInput, "")));
        assert!(!is_transient(&Fault::new(Code::Budget, "")));
    }
}
