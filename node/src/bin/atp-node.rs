//! `atp-node dev` and `atp-node run --config node.toml`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use atp_node::cluster::ClusterError;
use atp_node::config::{Config, ConfigError, DevOptions};
use atp_node::dev::{self, Dev};
use atp_node::environment::Environment;
use atp_node::node::{Node, NodeHandle, StartError};
use atp_node::preflight;
use atp_node::secret::Secret;
use atp_node::telemetry::{self, Exposition, Tracing};
use clap::{Args, Parser, Subcommand};
use futures_util::future::{join_all, select_all};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

/// Exit code of a check that found problems.
const CHECK_FAILED: u8 = 2;

/// Exit code of a bad configuration.
const BAD_CONFIG: u8 = 64;

/// A node of ATP Router.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One node on loopback without configuration, or a cluster of them: built-in adapters, a generated key, providers whose
    /// keys are in the environment.
    Dev(DevArgs),
    /// A node from a configuration file.
    Run(RunArgs),
}

#[derive(Args)]
struct DevArgs {
    /// Port on loopback; 0 picks a free one. With more nodes the others pick free ones.
    #[arg(long, default_value_t = 7443)]
    port: u16,
    /// How many nodes, as one cluster in this process.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(dev::NODES_MAX)))]
    nodes: u16,
    /// Where journals go; a temporary directory, removed at the end, unless given.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Print one JSON line when ready.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct RunArgs {
    /// The configuration file.
    #[arg(long, short)]
    config: PathBuf,
    /// Check the configuration, and the files and variables it names, and exit; 2 when there is a problem.
    #[arg(long)]
    check: bool,
    /// Print one JSON line when ready.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Dev(args) => run_dev(args),
        Command::Run(args) if args.check => return check(&args),
        Command::Run(args) => run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atp-node: {error:#}");
            let is_config = |cause: &(dyn std::error::Error + 'static)| {
                cause.is::<ConfigError>()
                    || matches!(
                        cause.downcast_ref(),
                        Some(
                            StartError::Config(_)
                                | StartError::Policy(_)
                                | StartError::Tls(_)
                                | StartError::Adapter { .. }
                                | StartError::Groups(ClusterError::Identity(_))
                        )
                    )
            };
            match error.chain().any(is_config) {
                true => ExitCode::from(BAD_CONFIG),
                false => ExitCode::FAILURE,
            }
        }
    }
}

fn run_dev(args: DevArgs) -> anyhow::Result<()> {
    let (data_dir, temporary) = match args.data_dir {
        Some(dir) => (dir, None),
        None => {
            let dir = tempfile::Builder::new()
                .prefix("atp-node-dev-")
                .tempdir()
                .context("no temporary directory")?;
            (dir.path().to_owned(), Some(dir))
        }
    };
    let options = DevOptions {
        port: args.port,
        data_dir,
    };
    let configs = match args.nodes {
        1 => vec![Config::dev(&options, &env)],
        nodes => dev::configs(&options, nodes, &Environment::real(1), &env)?,
    };
    let admin = dev::admin_key();
    let result = serve(configs, Some(admin.clone()), async |nodes| {
        dev::form(nodes).await?;
        let Dev { key } = dev::prepare(nodes).await?;
        let mut apis = nodes.iter().map(|node| format!("http://{}", node.api));
        let api = apis.next().expect("at least one node was started");
        let others: Vec<String> = apis.collect();
        match args.json {
            true => println!(
                "{}",
                serde_json::json!({
                    "ready": true, "api": api, "others": others, "key": key.expose(), "admin_key": admin.expose(),
                })
            ),
            false => print!("{}", dev::welcome(&api, &others, key.expose(), admin.expose())),
        }
        Ok(())
    });
    drop(temporary);
    result
}

/// Looks at the configuration and at all that it names; one line a problem.
fn check(args: &RunArgs) -> ExitCode {
    let problems = match Config::load(&args.config, std::env::vars()) {
        Ok(config) => preflight::problems(&config, &env),
        Err(error) => vec![format!("{:#}", anyhow::Error::from(error))],
    };
    for problem in &problems {
        eprintln!("atp-node: {problem}");
    }
    if problems.is_empty() {
        println!("{}: ok", args.config.display());
        return ExitCode::SUCCESS;
    }
    ExitCode::from(CHECK_FAILED)
}

fn run(args: RunArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config, std::env::vars())?;
    serve(vec![config], None, async |nodes| {
        for NodeHandle { api, .. } in nodes {
            match args.json {
                true => println!(
                    "{}",
                    serde_json::json!({ "ready": true, "api": format!("http://{api}") })
                ),
                false => eprintln!("serving on {api}"),
            }
        }
        Ok(())
    })
}

/// Starts the nodes, calls `ready`, and serves until SIGINT or SIGTERM, or until one of them has to stop. What a process has
/// once, such as its log, is as the first configuration says.
fn serve(
    configs: Vec<Config>,
    admin: Option<Secret>,
    ready: impl AsyncFnOnce(&[NodeHandle]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let first = configs.first().context("no node to start")?;
    let tracing = Tracing::start(&first.telemetry, &first.node.name)?;
    let logs = telemetry::init(&first.telemetry, &tracing)?;
    let bounds = dev::bounds(first);
    let expositions: Vec<Arc<Exposition>> = configs
        .iter()
        .map(|config| Arc::new(Exposition::new().with_aliases(config.metrics.aliases)))
        .collect();
    telemetry::report_panics(expositions.iter().map(|node| Arc::clone(&node.meter)).collect());
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let served = LocalSet::new().block_on(&runtime, async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        eprint!("{bounds}");
        let mut nodes = Vec::with_capacity(configs.len());
        for (config, exposition) in configs.into_iter().zip(expositions) {
            let environment = Environment {
                traces: tracing.context(),
                logs: Some(logs.clone()),
                ..Environment::real(config.node.workers)
            };
            nodes.push(Node::start(config, environment, exposition, admin.clone()).await?);
        }
        ready(&nodes).await?;
        let failed = select_all(nodes.iter().map(|node| Box::pin(node.failed())));
        let failure = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            (why, _, _) = failed => Some(why),
        };
        join_all(nodes.into_iter().map(NodeHandle::stop)).await;
        failure.map_or(Ok(()), |why| Err(anyhow::anyhow!("the node had to stop: {why}")))
    });
    tracing.finish();
    served
}

#[expect(clippy::disallowed_methods, reason = "a program reads its environment once")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
