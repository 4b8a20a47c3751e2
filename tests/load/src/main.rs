//! `atp-load`: a mock provider, loads against a gateway, and a comparison of gateways. See README.md.

use std::convert::Infallible;
use std::future::Future;
use std::process::ExitCode;

use anyhow::Result;
use atp_load::client::Target;
use atp_load::process::usage;
use atp_load::{
    chaos, clock, compare, drive, limits, max, open, partition, race, raft, relay, streams, table, upstream,
};
use clap::{Parser, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

#[derive(Debug, Parser)]
#[command(
    about = "Measures gateways: a mock provider, loads against it, and what they cost",
    version
)]
struct Cli {
    /// Print a table instead of JSON
    #[arg(long, global = true)]
    table: bool,
    /// Report CPU and memory of this process and its descendants over the run
    #[arg(long, global = true)]
    pid: Option<u32>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a mock OpenAI and Anthropic provider on 127.0.0.1
    Upstream(upstream::Options),
    /// Send whole requests at a constant rate
    Drive(Load<drive::Options>),
    /// Read concurrent SSE streams
    Streams(Load<streams::Options>),
    /// Open streams and hold them
    Open(Load<open::Options>),
    /// Find the highest rate that stays fast
    Max(Load<max::Options>),
    /// Send from many clients until a budget refuses
    Race(Load<race::Options>),
    /// Measure nginx, SMG and ours against one upstream
    Compare(compare::Options),
    /// Harm a cluster under load, and check what must hold
    Chaos(chaos::Options),
    /// Measure committed writes and the loss of a leader of our cluster and of etcd's
    Raft(raft::Options),
    /// Measure what a relay to the owner of a session costs
    Relay(Load<relay::Options>),
    /// Stand between the members of a cluster and lose, delay or cut what they say, as told on stdin
    Partition(partition::Options),
}

#[derive(Debug, clap::Args)]
struct Load<O: clap::Args> {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    options: O,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut terminated = signal(SignalKind::terminate())?;
        // Dropping the run ends the processes that it started.
        tokio::select! {
            result = run(cli) => result,
            _ = terminated.recv() => Ok(ExitCode::FAILURE),
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::FAILURE),
        }
    })
}

async fn run(cli: Cli) -> Result<ExitCode> {
    let (pid, as_table) = (cli.pid, cli.table);
    let report = match cli.command {
        Command::Upstream(options) => match serve(options).await? {},
        Command::Compare(options) => {
            let report = compare::run(&options).await?;
            print(&report.to_string());
            let failed = options.check && !report.all_met();
            return Ok(if failed {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            });
        }
        Command::Partition(options) => {
            partition::run(&options).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Chaos(options) => {
            let report = chaos::run(&options).await?;
            print(&serde_json::to_string_pretty(&report)?);
            return Ok(if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Raft(options) => {
            print(&raft::run(&options).await?.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Relay(load) => {
            print(&relay::run(&load.target, &load.options).await?.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Drive(load) => measured(pid, drive::run(&load.target, &load.options)).await?,
        Command::Streams(load) => measured(pid, streams::run(&load.target, &load.options)).await?,
        Command::Open(load) => measured(pid, open::run(&load.target, &load.options)).await?,
        Command::Max(load) => measured(pid, max::run(&load.target, &load.options)).await?,
        Command::Race(load) => measured(pid, race::run(&load.target, &load.options)).await?,
    };
    print(&if as_table {
        table::of_report(&report)
    } else {
        report.to_string()
    });
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: upstream::Options) -> Result<Infallible> {
    limits::allow_connections(0)?;
    let listener = upstream::listen(options.port)?;
    print(&json!({ "ready": true, "url": format!("http://{}", listener.local_addr()?) }).to_string());
    Ok(upstream::serve(listener, options).await)
}

/// Runs a load and adds to its report what the process `pid` spent meanwhile.
async fn measured<R: Serialize>(pid: Option<u32>, load: impl Future<Output = Result<R>>) -> Result<Value> {
    let before = pid.map(usage).transpose()?;
    let start = clock::now();
    let mut report = serde_json::to_value(load.await?)?;
    if let (Some(pid), Some(before)) = (pid, before) {
        let after = usage(pid)?;
        report["process"] = json!({
            "seconds": (clock::now() - start).as_secs_f64(),
            "cpu_seconds": after.cpu.saturating_sub(before.cpu).as_secs_f64(),
            "rss_before_bytes": before.rss_bytes,
            "rss_after_bytes": after.rss_bytes,
        });
    }
    Ok(report)
}

#[expect(clippy::print_stdout, reason = "the result of the tool")]
fn print(text: &str) {
    println!("{text}");
}
