//! The highest rate with a 99th percentile below a bound: doubling until a trial fails, then bisection.

use anyhow::{Result, bail};
use serde::Serialize;

use crate::client::Target;
use crate::drive;

/// Share of the offered rate that has to be answered within the trial.
const ANSWERED: f64 = 0.98;
/// The search ends when the passed and the failed rate are this close.
const RESOLUTION: f64 = 1.04;
/// Beyond this the tool would measure itself.
const CEILING: f64 = 200_000.0;

/// A search.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Bound on the 99th percentile, in milliseconds
    #[arg(long, default_value_t = 10.0)]
    pub p99_ms: f64,
    /// First rate to try
    #[arg(long, default_value_t = 1000.0)]
    pub from_rps: f64,
    /// Length of a trial
    #[arg(long, default_value_t = 2.0)]
    pub trial_seconds: f64,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The highest rate that passed; 0 if the first one failed.
    pub max_rps: f64,
    /// 99th percentile at that rate.
    pub p99_us: f64,
    /// Trials run.
    pub trials: u32,
}

/// Searches. A rate fails only when two trials fail, because the machine has other things to do as well.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    if options.from_rps < 1.0 || options.trial_seconds <= 0.0 {
        bail!("--from-rps must be at least 1 and --trial-seconds above 0");
    }
    let mut report = Report {
        max_rps: 0.0,
        p99_us: 0.0,
        trials: 0,
    };
    let mut failed = None;
    let mut rate = options.from_rps;
    loop {
        if passes(target, options, rate, &mut report).await? {
            report.max_rps = rate;
        } else {
            failed = Some(rate);
        }
        match next(report.max_rps, failed) {
            Some(next) => rate = next,
            None => return Ok(report),
        }
    }
}

/// The rate to try after `passed` (0 for none) and the lowest that failed; none when the search is over.
fn next(passed: f64, failed: Option<f64>) -> Option<f64> {
    match failed {
        None if passed * 2.0 > CEILING => None,
        None => Some(passed * 2.0),
        Some(_) if passed <= 0.0 => None,
        Some(failed) if failed / passed <= RESOLUTION => None,
        Some(failed) => Some((failed * passed).sqrt()),
    }
}

async fn passes(target: &Target, options: &Options, rps: f64, report: &mut Report) -> Result<bool> {
    let trial = drive::Options {
        rps,
        seconds: options.trial_seconds,
        warmup_seconds: options.trial_seconds / 4.0,
        connections: options.connections,
    };
    for _ in 0..2 {
        report.trials += 1;
        let result = drive::run(target, &trial).await?;
        let fast = result.latency.p99_us < options.p99_ms * 1e3;
        if fast && result.errors.total() == 0 && result.rps >= rps * ANSWERED {
            report.p99_us = result.latency.p99_us;
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_close_below_the_capacity() {
        for capacity in [1.0, 1500.0, 3999.0, 77_000.0] {
            let (mut passed, mut failed, mut rate) = (0.0, None, 1000.0);
            let mut steps = 0;
            loop {
                steps += 1;
                if rate <= capacity {
                    passed = rate
                } else {
                    failed = Some(rate)
                }
                match next(passed, failed) {
                    Some(next) => rate = next,
                    None => break,
                }
            }
            assert!(steps < 20, "{steps} steps");
            if capacity >= 1000.0 {
                assert!(
                    passed <= capacity && passed * RESOLUTION >= capacity,
                    "{passed} of {capacity}"
                );
            } else {
                assert!(passed <= 0.0);
            }
        }
    }
}
