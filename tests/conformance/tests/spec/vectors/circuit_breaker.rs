//! `circuit_breaker.json`: the states of a breaker (atp.md section 23).

use atp_protocol::units::Millis;
use atp_routing::breaker::{Breaker, Cause, Outcome, Permit, Settings};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    fail_threshold: u32,
    reset_timeout_ms: u64,
    half_open_successes: u32,
    ops: Vec<Op>,
    expect: Vec<Expect>,
}

#[derive(Deserialize)]
struct Op {
    t_ms: u64,
    op: Kind,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Allow,
    Ok,
    Fail,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Expect {
    allowed: Option<bool>,
    state: String,
}

#[test]
fn circuit_breaker() {
    super::run("circuit_breaker", |case| {
        let case = Case::deserialize(case).map_err(|error| error.to_string())?;
        let mut breaker = Breaker::new(Settings {
            fail_threshold: case.fail_threshold,
            reset_timeout_ms: case.reset_timeout_ms,
            half_open_successes: case.half_open_successes,
            ..Settings::default()
        });
        let mut permit = None;
        for (at, (op, expect)) in case.ops.iter().zip(&case.expect).enumerate() {
            let got = Expect {
                allowed: step(&mut breaker, &mut permit, op)?,
                state: breaker.state().as_str().to_owned(),
            };
            if got != *expect {
                return Err(format!("op {at}: {got:?}, expected {expect:?}"));
            }
        }
        Ok(())
    });
}

/// An outcome without a call before it is that of a call let through unrecorded.
fn step(breaker: &mut Breaker, permit: &mut Option<Permit>, op: &Op) -> Result<Option<bool>, String> {
    let now = Millis(op.t_ms);
    let outcome = match op.op {
        Kind::Allow => {
            *permit = breaker.allow(now).ok();
            return Ok(Some(permit.is_some()));
        }
        Kind::Ok => Outcome::Success,
        Kind::Fail => Outcome::Failure(Cause::Server),
    };
    let used = match permit.take() {
        Some(permit) => permit,
        None => breaker.allow(now).map_err(|rejection| rejection.to_string())?,
    };
    breaker.record(now, used, outcome);
    Ok(None)
}
