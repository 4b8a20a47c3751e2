//! A cluster of real processes under harm and load, and what must hold whatever is done to it.
//!
//! Clients spend one budget ([`spend`]), follow resumable streams ([`streams`]) and write accounts ([`registers`]) at
//! all members ([`load`]) while members are killed, frozen and cut off ([`faults`]), lose the space of their disk ([`disk`]) or
//! the time of day ([`clocks`]), come and go ([`membership`]). In the end everything heals, and then:
//! nothing was overspent at any instant, every final that a client saw is had at every member, and what was read
//! of accounts is linearizable.

mod api;
mod clocks;
mod cluster;
mod disk;
mod faults;
mod load;
mod membership;
mod registers;
mod report;
mod spend;
mod streams;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::sleep;

pub use faults::{Harm, Schedule};
pub use report::Report;

use crate::fleet::Template;
use crate::partition::Link;
use crate::{clock, limits, upstream};
use cluster::Cluster;
use faults::suffer;
use load::Load;
use report::Notes;

/// Load goes on for so long after everything healed.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How the members are started
    #[command(flatten)]
    pub template: Template,
    /// What is done to them
    #[command(flatten)]
    pub schedule: Schedule,
    /// How many of the members the cluster begins with, all of them when absent; the others may join it
    #[arg(long)]
    pub size: Option<usize>,
    /// Where each member's link is dialled, in order, by which the first takes the others in; without, they know each other
    #[arg(long = "address", value_delimiter = ',')]
    pub addresses: Vec<String>,
    /// A proxy `LISTEN=TARGET` for each member, in order, for partitions and delays
    #[arg(long = "link")]
    pub links: Vec<Link>,
    /// The operator's key
    #[arg(long, env = "ATP_ADMIN_KEY", hide_env_values = true)]
    pub admin_key: String,
    /// Port of the mock provider, which the members are configured to use
    #[arg(long, default_value_t = 4000)]
    pub upstream_port: u16,
    /// A model of that provider, asked for by those who spend the budget only
    #[arg(long, default_value = "mock")]
    pub model: String,
    /// Another, for resumable streams
    #[arg(long, default_value = "mock-streams")]
    pub stream_model: String,
    /// Chooses what is done when; drawn from the clock when absent
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long harm is done
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// How long members may take to be ready, at the start and after the last harm
    #[arg(long, default_value_t = 60)]
    pub ready_seconds: u64,
    /// Clients that spend the budget
    #[arg(long, default_value_t = 16)]
    pub spenders: usize,
    /// The budget, in tokens
    #[arg(long, default_value_t = 200_000)]
    pub limit_tokens: u64,
    /// How often the budget is raised by as much again, in milliseconds; never when 0
    #[arg(long, default_value_t = 5_000)]
    pub raise_ms: u64,
    /// Clients that follow streams
    #[arg(long, default_value_t = 8)]
    pub readers: usize,
    /// Clients that write and read accounts, and the accounts
    #[arg(long, default_value_t = 4)]
    pub writers: usize,
    /// Where the members keep their data; a fresh temporary directory when absent
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// Runs to the end; fails only where nothing could be found out.
pub async fn run(options: &Options) -> Result<Report> {
    limits::allow_connections(0)?;
    let needs_links = options
        .schedule
        .harm
        .iter()
        .any(|harm| matches!(harm, Harm::Partition | Harm::Delay));
    if needs_links && options.links.len() != options.template.api.len() {
        bail!("partitions and delays need a --link for each member");
    }
    let seed = options.seed.unwrap_or_else(|| clock::now().as_nanos() as u64);
    let notes = Notes::new(seed);
    let provider = upstream::start(upstream::Options {
        port: options.upstream_port,
        ..upstream::Options::default()
    })?;
    let scratch = tempfile::tempdir()?;
    let directory = options.dir.as_deref().unwrap_or(scratch.path());
    std::fs::create_dir_all(directory)?;
    let mut cluster = Cluster::new(options, directory).await?;
    cluster
        .form(options.size.unwrap_or(options.template.api.len()))
        .await?;

    let mut load = Load::start(&cluster.api, options, &notes, &provider.url).await?;
    let mut seed = load.seeds.clone();
    tokio::select! {
        () = sleep(Duration::from_secs(options.seconds)) => {}
        Err(error) = suffer(&mut cluster, &options.schedule, &notes, &mut seed) => {
            notes.violation(format!("{error:#}"));
        }
    }
    if let Err(error) = recover(&mut cluster, &notes).await {
        notes.violation(format!("after everything healed: {error:#}"));
        return Ok(notes.report());
    }
    load.end(&notes).await?;
    load.audit(&cluster.api, &notes).await?;
    Ok(notes.report())
}

/// Undoes all harm and waits for all members; the load goes on for a while.
async fn recover(cluster: &mut Cluster, notes: &Notes) -> Result<()> {
    cluster.heal()?;
    let healed = clock::now();
    cluster.is_ready().await?;
    notes.longest("ms until all were ready in the end", clock::now() - healed);
    sleep(LAST_WORDS).await;
    Ok(())
}
