//! What it costs that a request arrives at another node than its session's owner.
//!
//! Requests of one session at a constant rate, at each member in turns; a member that counts relays meanwhile is not the owner.
//! All members and their upstream share the machine, so only the difference within a run means something.

use std::fmt;

use anyhow::{Context, Result, anyhow, ensure};
use http::Method;
use serde::Serialize;

use crate::client::{Call, Connection, Target};
use crate::drive;
use crate::table::{figure, render};

/// A measurement.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Base of the HTTP API of each member; comma-separated
    #[arg(long, value_delimiter = ',', required = true)]
    pub api: Vec<String>,
    /// How the requests are sent
    #[command(flatten)]
    pub drive: drive::Options,
    /// Rounds to take the median of
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

/// Medians over the rounds, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// At the owner.
    local_p50_us: f64,
    /// At the others.
    relayed_p50_us: f64,
    /// What a relay adds.
    added_p50_us: f64,
    /// 99th percentiles of both.
    local_p99_us: f64,
    relayed_p99_us: f64,
}

/// Runs all rounds against the session of `target`, whose address is not used.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    ensure!(
        target.session.is_some(),
        "--session names the session whose requests are relayed"
    );
    let (mut local, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        for url in &options.api {
            let target = Target {
                url: url.clone(),
                ..target.clone()
            };
            let before = relays(url).await?;
            let report = drive::run(&target, &options.drive).await?;
            ensure!(
                report.answered > 0 && report.errors.total() == 0,
                "{url}: {:?}",
                report.errors
            );
            let percentiles = (report.latency.p50_us, report.latency.p99_us);
            if relays(url).await? > before {
                relayed.push(percentiles);
            } else {
                local.push(percentiles);
            }
        }
    }
    Report::of(local, relayed)
}

impl Report {
    fn of(local: Vec<(f64, f64)>, relayed: Vec<(f64, f64)>) -> Result<Self> {
        let (local, local_p99_us) = medians(local).context("no member owned the session")?;
        let (relayed, relayed_p99_us) = medians(relayed).context("no member relayed")?;
        Ok(Self {
            local_p50_us: local,
            relayed_p50_us: relayed,
            added_p50_us: relayed - local,
            local_p99_us,
            relayed_p99_us,
        })
    }
}

/// Requests that a member relayed so far.
async fn relays(url: &str) -> Result<f64> {
    let call = Call::post(url, "/", "").await?.to(Method::GET, "/metrics", "")?;
    let body = Connection::new(call, None)
        .exchange()
        .await
        .map_err(|failure| anyhow!("{url}/metrics: {failure}"))?;
    Ok(counted(&String::from_utf8_lossy(&body)))
}

/// The sum of the counter over its labels.
fn counted(metrics: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("relay_requests_total"));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

fn medians(mut of: Vec<(f64, f64)>) -> Option<(f64, f64)> {
    let middle = of.len() / 2;
    of.sort_by(|one, other| one.0.total_cmp(&other.0));
    let p50 = of.get(middle)?.0;
    of.sort_by(|one, other| one.1.total_cmp(&other.1));
    Some((p50, of.get(middle)?.1))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["request", "p50 µs", "p99 µs"].map(str::to_owned);
        let row = |what: &str, p50: f64, p99: f64| vec![what.to_owned(), figure(p50), figure(p99)];
        f.write_str(&render(
            &header,
            &[
                row("at the owner", self.local_p50_us, self.local_p99_us),
                row("relayed", self.relayed_p50_us, self.relayed_p99_us),
                row(
                    "added",
                    self.added_p50_us,
                    self.relayed_p99_us - self.local_p99_us,
                ),
            ],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_relay_adds_is_the_difference_of_medians() {
        let local = vec![(200.0, 900.0), (210.0, 1_000.0), (900.0, 9_000.0)];
        let report = Report::of(local, vec![(300.0, 1_200.0)]).unwrap();
        assert_eq!(report.added_p50_us, 90.0);
        assert!(Report::of(Vec::new(), vec![(1.0, 1.0)]).is_err());
    }

    #[test]
    fn relays_are_counted_over_all_outcomes() {
        let text = "# HELP relay_requests_total x\nrelay_requests_total{outcome=\"answered\"} 3\nrelay_requests_total{outcome=\"failed\"} 2\nrelay_latency_us 9\n";
        assert_eq!(counted(text), 5.0);
    }
}
