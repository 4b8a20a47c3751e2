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
    /// One node on loopback without configuration: built-in adapters, a generated key, providers whose keys are in the
    /// environment.
    Dev(DevArgs),
    /// A node from a configuration file.
    Run(RunArgs),
}

#[derive(Args)]
struct DevArgs {
    /// Port on loopback; 0 picks a free one.
    #[arg(long, default_value_t = 7443)]
    port: u16,
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
    let config = Config::dev(
        &DevOptions {
            port: args.port,
            data_dir,
        },
        &env,
    );
    let admin = dev::admin_key();
    let result = serve(config, Some(admin.clone()), async |node| {
        let Dev { key } = dev::prepare(node).await?;
        let api = format!("http://{}", node.api);
        match args.json {
            true => println!(
                "{}",
                serde_json::json!({ "ready": true, "api": api, "key": key.expose(), "admin_key": admin.expose() })
            ),
            false => print!("{}", dev::welcome(&api, key.expose(), admin.expose())),
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
    serve(config, None, async |node| {
        match args.json {
            true => println!(
                "{}",
                serde_json::json!({ "ready": true, "api": format!("http://{}", node.api) })
            ),
            false => eprintln!("serving on {}", node.api),
        }
        Ok(())
    })
}

/// Starts a node, calls `ready`, and serves until SIGINT or SIGTERM.
fn serve(
    config: Config,
    admin: Option<Secret>,
    ready: impl AsyncFnOnce(&NodeHandle) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let tracing = Tracing::start(&config.telemetry, &config.node.name)?;
    telemetry::init(&config.telemetry, &tracing)?;
    let exposition = Arc::new(Exposition::new().with_aliases(config.metrics.aliases));
    telemetry::report_panics(Arc::clone(&exposition.meter));
    let environment = Environment {
        traces: tracing.context(),
        ..Environment::real(config.node.workers)
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let served = LocalSet::new().block_on(&runtime, async move {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        eprint!("{}", dev::bounds(&config));
        let node = Node::start(config, environment, exposition, admin).await?;
        ready(&node).await?;
        let failure = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            why = node.failed() => Some(why),
        };
        node.stop().await;
        failure.map_or(Ok(()), |why| Err(anyhow::anyhow!("the node had to stop: {why}")))
    });
    tracing.finish();
    served
}

#[expect(clippy::disallowed_methods, reason = "a program reads its environment once")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
