use proptest::prelude::*;

use super::*;
use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Millis;

const SETTINGS: Settings = Settings {
    fail_threshold: 2,
    reset_timeout_ms: 1_000,
    half_open_successes: 2,
    reset_backoff: 2.0,
    reset_timeout_max_ms: 3_000,
};

const FAILURE: Outcome = Outcome::Failure(Cause::Timeout);

fn call(breaker: &mut Breaker, at: u64, outcome: Outcome) {
    let permit = breaker.allow(Millis(at)).unwrap();
    breaker.record(Millis(at), permit, outcome);
}

fn tripped(at: u64) -> Breaker {
    let mut breaker = Breaker::new(SETTINGS);
    call(&mut breaker, at, Outcome::Failure(Cause::Connect));
    call(&mut breaker, at, FAILURE);
    breaker
}

#[test]
fn an_open_breaker_says_why_and_until_when() {
    let mut breaker = tripped(10);
    let rejection = breaker.allow(Millis(110)).unwrap_err();
    assert_eq!(rejection.retry_after_ms, 900);
    assert_eq!(
        rejection.to_string(),
        "circuit open (2 failures, the last: timeout); use another endpoint or retry in 900 ms"
    );
    let fault = Fault::from(rejection);
    assert_eq!((fault.code, fault.retry_after_ms), (Code::Circuit, Some(900)));
}

#[test]
fn half_open_admits_as_many_probes_as_it_needs_successes() {
    let mut breaker = tripped(0);
    let first = breaker.allow(Millis(1_000)).unwrap();
    let second = breaker.allow(Millis(1_000)).unwrap();
    assert!(breaker.allow(Millis(1_001)).is_err());
    breaker.record(Millis(1_002), first, Outcome::Neutral);
    let third = breaker.allow(Millis(1_003)).unwrap();
    breaker.record(Millis(1_004), second, Outcome::Success);
    breaker.record(Millis(1_004), third, Outcome::Success);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.trip(), None);
}

#[test]
fn probes_that_never_report_do_not_block_for_ever() {
    let mut breaker = tripped(0);
    for _ in 0..2 {
        let _ = breaker.allow(Millis(1_000)).unwrap();
    }
    assert!(breaker.allow(Millis(1_999)).is_err());
    let _ = breaker.allow(Millis(2_000)).unwrap();
    let _ = breaker.allow(Millis(2_000)).unwrap();
    assert!(breaker.allow(Millis(2_001)).is_err());
}

#[test]
fn the_reset_timeout_backs_off_to_its_maximum_and_returns_on_close() {
    let mut breaker = tripped(0);
    let mut at = 0;
    for wait in [1_000, 2_000, 3_000, 3_000] {
        assert!(breaker.check(Millis(at + wait - 1)).is_err());
        at += wait;
        call(&mut breaker, at, FAILURE);
        assert!(breaker.trip().unwrap().was_probe);
    }
    at += 3_000;
    call(&mut breaker, at, Outcome::Success);
    call(&mut breaker, at, Outcome::Success);
    call(&mut breaker, at, FAILURE);
    call(&mut breaker, at, FAILURE);
    assert!(breaker.check(Millis(at + 999)).is_err());
    assert!(breaker.check(Millis(at + 1_000)).is_ok());
}

#[test]
fn calls_admitted_before_a_trip_say_nothing_after_it() {
    let mut breaker = Breaker::new(SETTINGS);
    let early = breaker.allow(Millis(0)).unwrap();
    let late = breaker.allow(Millis(0)).unwrap();
    call(&mut breaker, 0, FAILURE);
    call(&mut breaker, 0, FAILURE);
    breaker.record(Millis(1), early, Outcome::Success);
    assert_eq!(breaker.state(), State::Open);
    let probe = breaker.allow(Millis(1_000)).unwrap();
    breaker.record(Millis(1_001), late, FAILURE);
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.record(Millis(1_002), probe, Outcome::Success);
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn only_failures_of_the_endpoint_count() {
    assert_eq!(Outcome::of(Code::Adapter), Outcome::Failure(Cause::Server));
    for code in [Code::Cancel, Code::BadInput, Code::WindowAgent, Code::Rate] {
        assert_eq!(Outcome::of(code), Outcome::Neutral, "{code}");
    }
}

proptest! {
    #[test]
    fn a_breaker_recovers_once_the_endpoint_does(
        steps in proptest::collection::vec((0_u64..2_000, 0_u8..3), 0..60),
    ) {
        let mut breaker = Breaker::new(SETTINGS);
        let mut now = 0;
        let mut out: Vec<Permit> = Vec::new();
        for (wait, step) in steps {
            now += wait;
            if let Ok(permit) = breaker.allow(Millis(now)) {
                out.push(permit);
            }
            let outcome = [Outcome::Success, FAILURE, Outcome::Neutral][usize::from(step)];
            if wait % 2 == 0 && let Some(permit) = out.pop() {
                breaker.record(Millis(now), permit, outcome);
            }
        }
        now += SETTINGS.reset_timeout_max_ms;
        for _ in 0..SETTINGS.half_open_successes {
            let permit = breaker.allow(Millis(now));
            prop_assert!(permit.is_ok());
            breaker.record(Millis(now), permit.unwrap(), Outcome::Success);
        }
        prop_assert_eq!(breaker.state(), State::Closed);
    }
}
