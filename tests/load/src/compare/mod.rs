//! Several gateways before one upstream, measured in one run.
//!
//! Rounds are interleaved (every gateway at one load before any at the next) and the order rotates, because
//! machines are noisy and drift; a figure is the median over rounds. A load that other processes disturb is repeated,
//! and how much they took in the end is a figure, too. What a gateway *adds* is its latency minus
//! that of the upstream alone at the same rate in the same round.

mod figure;
mod gateway;
mod programs;
pub(crate) mod quiet;
mod report;
mod round;
mod running;
mod samples;
mod targets;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

pub use figure::Figure;
pub use gateway::Gateway;
pub use programs::Programs;
pub use report::Report;
pub use samples::Samples;

use running::Provider;

/// A comparison.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// What to measure
    #[command(flatten)]
    pub programs: Programs,
    /// Measure these only, and the upstream alone
    #[arg(long, value_enum, num_args = 1..)]
    pub only: Vec<Gateway>,
    /// Rounds to take the median of
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Length of each load
    #[arg(long, default_value_t = 4.0)]
    pub seconds: f64,
    /// Rates for added latency; CPU and loaded memory are taken at the highest
    #[arg(long, num_args = 1.., default_values_t = [100, 500, 2000])]
    pub rates: Vec<u32>,
    /// Numbers of streams for first token and lag
    #[arg(long, num_args = 1.., default_values_t = [50, 500])]
    pub streams: Vec<u32>,
    /// Streams held open for memory per stream
    #[arg(long, default_value_t = 1000)]
    pub held_streams: u32,
    /// Where to write the figures as JSON
    #[arg(long, default_value = "target/bench/gateway.json")]
    pub out: PathBuf,
    /// Fail when a target is missed
    #[arg(long)]
    pub check: bool,
}

impl Options {
    fn highest_rate(&self) -> u32 {
        self.rates.iter().copied().max().unwrap_or(1)
    }
}

/// Runs all rounds and writes the report to `options.out`.
pub async fn run(options: &Options) -> Result<Report> {
    ensure!(
        options.rounds > 0 && !options.rates.is_empty(),
        "--rounds and --rates must not be empty"
    );
    let provider = Provider::start()?;
    let mut gateways = options.programs.gateways(&options.only);
    let mut samples = Samples::default();
    for index in 0..options.rounds {
        progress(&format!("round {} of {}", index + 1, options.rounds));
        round::run(options, &provider, &gateways, &mut samples).await?;
        gateways.rotate_left(1);
    }
    let report = Report::of(&samples);
    if let Some(directory) = options.out.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let json = serde_json::to_string_pretty(&report)?;
    std::fs::write(&options.out, json).with_context(|| format!("writing {}", options.out.display()))?;
    Ok(report)
}

#[expect(
    clippy::print_stderr,
    reason = "a comparison takes minutes and stdout is for its result"
)]
fn progress(line: &str) {
    eprintln!("{line}");
}
