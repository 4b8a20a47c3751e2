//! One round: memory and start of each gateway by itself, then all of them side by side under each load.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::quiet::undisturbed;
use super::running::{Provider, Running};
use super::{Figure, Gateway, Options, Samples, progress};
use crate::latency::Percentiles;
use crate::open::OpenStreams;
use crate::process::usage;
use crate::{drive, max, streams};

const MIB: f64 = 1024.0 * 1024.0;
const KIB: f64 = 1024.0;
/// How long memory gets to settle before it is read.
const SETTLE: Duration = Duration::from_secs(1);
/// Keep-alive connections of every load of whole answers.
const CONNECTIONS: usize = 64;
/// Sent before each such load, and not measured.
const WARMUP_SECONDS: f64 = 1.0;

pub(super) async fn run(
    options: &Options,
    provider: &Provider,
    gateways: &[Gateway],
    samples: &mut Samples,
) -> Result<()> {
    let mut running = Vec::new();
    for gateway in gateways {
        progress(&format!("  {gateway}: start and memory"));
        memory(options, *gateway, provider, samples).await?;
    }
    for gateway in gateways {
        running.push((
            *gateway,
            Running::start(&options.programs, *gateway, provider).await?,
        ));
    }
    for rate in &options.rates {
        progress(&format!("  {rate} rps"));
        latency(options, *rate, &running, samples).await?;
    }
    for count in &options.streams {
        progress(&format!("  {count} streams"));
        streaming(options, *count, &running, samples).await?;
    }
    progress("  max rps");
    capacity(options, &running, samples).await
}

/// Of a fresh process, so that no memory kept from another load hides what this one takes.
async fn memory(
    options: &Options,
    gateway: Gateway,
    provider: &Provider,
    samples: &mut Samples,
) -> Result<()> {
    let running = Running::start(&options.programs, gateway, provider).await?;
    let Some(process) = &running.process else {
        return Ok(());
    };
    let rss = || Ok::<_, anyhow::Error>(usage(process.pid)?.rss_bytes as f64);
    sleep(SETTLE).await;
    let idle = rss()?;
    drive::run(&running.target, &load(options, options.highest_rate())).await?;
    let loaded = rss()?;
    let mut open = OpenStreams::open(&running.target, options.held_streams).await?;
    open.hold(SETTLE).await;
    let per_stream = (rss()? - loaded) / f64::from(options.held_streams);

    samples.add(
        Figure::FirstAnswer,
        gateway,
        process.first_answer.as_secs_f64() * 1e3,
    );
    samples.add(Figure::RssIdle, gateway, idle / MIB);
    samples.add(Figure::RssLoaded, gateway, loaded / MIB);
    samples.add(Figure::RssPerStream, gateway, per_stream / KIB);
    samples.add_up(
        Figure::Failed,
        gateway,
        open.report.errors.total() + open.report.lost,
    );
    Ok(())
}

/// Latency at one rate, and what of it is the gateway's; at the highest rate also what CPU time it takes.
async fn latency(
    options: &Options,
    rate: u32,
    running: &[(Gateway, Running)],
    samples: &mut Samples,
) -> Result<()> {
    let mut latencies: Vec<(Gateway, Percentiles)> = Vec::new();
    for (gateway, running) in running {
        let cpu = || {
            running
                .process
                .as_ref()
                .map(|process| usage(process.pid))
                .transpose()
        };
        let before = cpu()?;
        let report = drive::run(&running.target, &load(options, rate)).await?;
        let after = cpu()?;
        if let (Some(before), Some(after), true) = (before, after, rate == options.highest_rate()) {
            let requests = f64::from(rate) * (options.seconds + WARMUP_SECONDS);
            let seconds = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            samples.add(Figure::CpuPer10k, *gateway, seconds / requests * 1e4);
        }
        samples.add_up(Figure::Failed, *gateway, report.errors.total() + report.unsent);
        latencies.push((*gateway, report.latency));
    }
    let direct = latencies.iter().find(|(gateway, _)| *gateway == Gateway::Direct);
    let (_, direct) = *direct.context("the upstream alone is always measured")?;
    for (gateway, latency) in latencies {
        samples.add(Figure::P50(rate), gateway, latency.p50_us);
        samples.add(Figure::P99(rate), gateway, latency.p99_us);
        if gateway != Gateway::Direct {
            samples.add(Figure::AddedP50(rate), gateway, latency.p50_us - direct.p50_us);
            samples.add(Figure::AddedP99(rate), gateway, latency.p99_us - direct.p99_us);
        }
    }
    Ok(())
}

async fn streaming(
    options: &Options,
    count: u32,
    running: &[(Gateway, Running)],
    samples: &mut Samples,
) -> Result<()> {
    let load = streams::Options {
        streams: count,
        seconds: options.seconds,
        ..streams::Options::default()
    };
    for (gateway, running) in running {
        let read = async || streams::run(&running.target, &load).await;
        let report = undisturbed(*gateway, samples, read).await?;
        samples.add(Figure::TtftP50(count), *gateway, report.ttft.p50_us);
        samples.add(Figure::TtftP99(count), *gateway, report.ttft.p99_us);
        samples.add(Figure::LagP50(count), *gateway, report.lag.p50_us);
        samples.add(Figure::LagP99(count), *gateway, report.lag.p99_us);
        samples.add_up(Figure::Failed, *gateway, report.errors.total());
    }
    Ok(())
}

async fn capacity(options: &Options, running: &[(Gateway, Running)], samples: &mut Samples) -> Result<()> {
    let search = max::Options {
        p99_ms: 10.0,
        from_rps: 2000.0,
        trial_seconds: (options.seconds / 4.0).max(1.0),
        connections: CONNECTIONS,
    };
    for (gateway, running) in running {
        samples.add(
            Figure::MaxRps,
            *gateway,
            max::run(&running.target, &search).await?.max_rps,
        );
    }
    Ok(())
}

fn load(options: &Options, rate: u32) -> drive::Options {
    drive::Options {
        rps: f64::from(rate),
        seconds: options.seconds,
        warmup_seconds: WARMUP_SECONDS,
        connections: CONNECTIONS,
    }
}
