//! A cluster of real processes under harm and load, and what must hold whatever is done to it.
//!
//! Clients spend one budget ([`spend`]), follow resumable streams ([`streams`]) and write accounts ([`registers`]) at
//! all members while members are killed, frozen and cut off ([`faults`]). In the end everything heals, and then:
//! nothing was overspent at any instant, every final that a client saw is had at every member, and what was read
//! of accounts is linearizable.

mod api;
mod faults;
mod registers;
mod report;
mod spend;
mod streams;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use faults::{Harm, Schedule};
pub use report::Report;

use crate::fleet::Template;
use crate::partition::{self, Board, Link, Origins};
use crate::seed::Seed;
use crate::{clock, limits, upstream};
use api::Api;
use faults::Cluster;
use report::Notes;
use spend::Budget;

/// Between two looks at whether members are ready.
const LOOK_PERIOD: Duration = Duration::from_millis(100);
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
    let mut cluster = Cluster {
        members: options.template.members(directory)?,
        board: Board::default(),
        origins: Origins::default(),
    };
    for (index, link) in options.links.iter().enumerate() {
        partition::serve(*link, index + 1, cluster.board.clone(), cluster.origins.clone()).await?;
    }
    let api = Api::new(&options.template.api, &options.admin_key).await?;
    cluster.start()?;
    ready(&mut cluster, &api, options).await?;

    let budget = budget(&api, options, seed, &provider.url).await?;
    let (finals, histories) = (streams::Finals::default(), registers::Histories::default());
    let stream_key = tenant(&api, &format!("chaos-{seed:x}-streams"), &json!({})).await?;
    let mut seeds = Seed(seed);
    let mut load = JoinSet::new();
    for _ in 0..options.spenders {
        load.spawn_local(spend::client(
            api.clone(),
            budget.clone(),
            notes.clone(),
            Seed(seeds.draw()),
        ));
    }
    load.spawn_local(spend::watch(
        api.clone(),
        budget.clone(),
        notes.clone(),
        Seed(seeds.draw()),
    ));
    for _ in 0..options.readers {
        let (key, model) = (stream_key.clone(), options.stream_model.clone());
        let seed = Seed(seeds.draw());
        load.spawn_local(streams::client(
            api.clone(),
            key,
            model,
            finals.clone(),
            notes.clone(),
            seed,
        ));
    }
    let accounts: Vec<String> = (0..options.writers)
        .map(|index| format!("chaos-{seed:x}-{index}"))
        .collect();
    for _ in 0..options.writers {
        let seed = Seed(seeds.draw());
        let (accounts, histories) = (accounts.clone(), histories.clone());
        load.spawn_local(registers::client(
            api.clone(),
            accounts,
            histories,
            notes.clone(),
            seed,
        ));
    }
    tokio::select! {
        () = sleep(Duration::from_secs(options.seconds)) => {}
        ended = cluster.suffer(&options.schedule, &notes, &mut seeds) => ended?,
    }
    cluster.heal()?;
    let healed = clock::now();
    if let Err(error) = ready(&mut cluster, &api, options).await {
        notes.violation(format!("after everything healed: {error:#}"));
        return Ok(notes.report());
    }
    notes.add(
        "ms until all were ready",
        u64::try_from((clock::now() - healed).as_millis()).unwrap_or(0),
    );
    sleep(LAST_WORDS).await;
    notes.end();
    while let Some(ended) = load.join_next().await {
        ended?;
    }
    spend::settled(&api, &budget, Duration::from_secs(options.ready_seconds)).await;
    spend::audit(&api, &budget, &notes).await?;
    streams::audit(&api, &stream_key, &finals, &notes).await;
    registers::audit(&histories, &notes);
    Ok(notes.report())
}

/// The account that is spent from. Nobody else asks for its model, so the provider's books of it are those of the account.
async fn budget(api: &Api, options: &Options, seed: u64, provider: &str) -> Result<Budget> {
    let account = format!("chaos-{seed:x}");
    let limits = json!({ "limit_tokens": options.limit_tokens });
    Ok(Budget {
        key: tenant(api, &account, &limits).await?,
        account,
        limit: options.limit_tokens,
        model: options.model.clone(),
        provider: provider.to_owned(),
    })
}

/// A key of a new account.
async fn tenant(api: &Api, account: &str, limits: &Value) -> Result<String> {
    let failed = |failure| anyhow!("making account {account}: {failure}");
    let path = format!("/v1/admin/accounts/{account}");
    api.operate(0, &Method::PUT, &path, limits)
        .await
        .map_err(failed)?;
    let wanted = json!({ "account": account, "label": "chaos" });
    let minted = api.operate(0, &Method::POST, "/v1/admin/api-keys", &wanted).await;
    let key = minted.map_err(failed)?["key"].as_str().map(str::to_owned);
    key.ok_or_else(|| anyhow!("no key in the answer"))
}

/// Waits until every member is ready.
async fn ready(cluster: &mut Cluster, api: &Api, options: &Options) -> Result<()> {
    let deadline = clock::now() + Duration::from_secs(options.ready_seconds);
    for index in 0..api.len() {
        loop {
            let Err(failure) = api.get(index, "/readyz").await else {
                break;
            };
            cluster.members[index].check()?;
            if clock::now() > deadline {
                bail!("member {} is not ready in time: {failure}", index + 1);
            }
            sleep(LOOK_PERIOD).await;
        }
    }
    Ok(())
}
