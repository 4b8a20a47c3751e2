//! Our cluster beside etcd's: committed writes, their latency, and the time without a leader.
//!
//! Both run on this machine, one after the other in rounds of alternating order, each round with a fresh cluster on
//! the same disk; a figure is the median over rounds. Clients have one write outstanding and go from member to member.

mod etcd;
mod load;
mod machine;
mod ours;
mod report;
mod system;

use std::path::PathBuf;

use anyhow::{Context, Result};

pub use machine::Machine;
pub use ours::Access;
pub use report::{Figure, Report, Samples};
pub use system::System;

use crate::compare::quiet::others_during;
use crate::fleet::Template;
use crate::limits;
use system::Cluster;

/// A measurement.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How our nodes are started
    #[command(flatten)]
    pub template: Template,
    /// As whom is written to our nodes
    #[command(flatten)]
    pub access: Access,
    /// etcd's program
    #[arg(long, default_value = "etcd")]
    pub etcd: PathBuf,
    /// Measure this system only
    #[arg(long, value_enum)]
    pub only: Option<System>,
    /// Rounds to take the median of
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Length of each load
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub clients: Vec<usize>,
    /// Leaders killed a round
    #[arg(long, default_value_t = 3)]
    pub kills: usize,
    /// Where clusters keep their data while they run
    #[arg(long, default_value = "target/bench")]
    pub data_dir: PathBuf,
    /// Where to write the figures as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Runs all rounds, and writes the report if a file is named for it.
pub async fn run(options: &Options) -> Result<Report> {
    limits::allow_connections(0)?;
    std::fs::create_dir_all(&options.data_dir)?;
    let machine = Machine::look(&options.data_dir)?;
    let mut systems = vec![System::Etcd, System::Ours, System::Spread];
    systems.retain(|system| options.only.is_none_or(|only| only == *system));
    let mut samples = Samples::default();
    for index in 0..options.rounds {
        for system in &systems {
            progress(&format!("round {} of {}: {system}", index + 1, options.rounds));
            round(options, *system, &mut samples)
                .await
                .with_context(|| format!("measuring {system}"))?;
        }
        systems.reverse();
    }
    let report = samples.report(machine);
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(report)
}

async fn round(options: &Options, system: System, samples: &mut Samples) -> Result<()> {
    let mut cluster = Cluster::start(system, options).await?;
    for clients in options.clients.iter().copied() {
        let load = || load::writes(&cluster, clients, options.seconds);
        let (writes, others) = others_during(load).await?;
        let summary = writes.latencies.summary();
        let rate = writes.latencies.len() as f64 / writes.elapsed.as_secs_f64();
        for (figure, value) in [
            (Figure::Rate(clients), rate),
            (Figure::P50(clients), summary.p50_us / 1e3),
            (Figure::P99(clients), summary.p99_us / 1e3),
            (Figure::Others, others),
            (Figure::Failed, writes.errors as f64),
        ] {
            samples.add(system, figure, value);
        }
    }
    // Who leads and is lost is the same question wherever writes go.
    let kills = if system == System::Spread {
        0
    } else {
        options.kills
    };
    for _ in 0..kills {
        let gap = load::failover(&mut cluster).await?;
        samples.add(system, Figure::Failover, gap.as_secs_f64() * 1e3);
    }
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "a measurement takes minutes and stdout is for its result"
)]
fn progress(line: &str) {
    eprintln!("{line}");
}
