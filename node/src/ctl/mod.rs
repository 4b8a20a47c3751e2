//! `atpctl`: operates a node over its HTTP API. One file per command.
//!
//! [`args`] is what the command line says, [`Operator`] what every command gets: a [`client`](Client) with the caller's
//! keys, and a [`screen`](Screen) to write on. A command asks the node, then writes either one JSON document (`--json`,
//! docs/atpctl.md) or a few lines for people. [`Failure`] knows the exit code.
//!
//! Bounds: a reply other than an answer is read to 16 MiB, a record of an answer to 32 MiB; beyond that the command fails.

mod adapters;
pub mod args;
mod ask;
mod audit;
mod backup;
mod budget;
mod client;
mod cluster;
mod config;
mod decisions;
mod doctor;
mod everywhere;
mod explain;
mod failure;
mod key;
mod members;
mod policy;
mod routes;
mod screen;
mod status;
mod storage;

pub use client::{Client, Keys};
pub use failure::Failure;
pub use screen::Screen;

use std::sync::Arc;

use atp_actors::environment::Clock;

use crate::environment::Environment;

use args::{Cli, Command};

/// What a command works with.
pub struct Operator {
    client: Client,
    screen: Screen,
    clock: Arc<dyn Clock>,
}

/// Runs one command. `env` looks up environment variables.
///
/// # Errors
/// What went wrong, with the exit code that goes with it. With `--json` the failure has been written out already.
pub async fn run(
    cli: Cli,
    env: &dyn Fn(&str) -> Option<String>,
    mut screen: Screen,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    screen.is_json = cli.json;
    // What works on files needs neither node nor key.
    if let Command::Policy(args::Policy::Lint { files }) = &cli.command {
        return policy::lint(&mut screen, files);
    }
    if let Command::Audit(command) = &cli.command {
        return audit::run(&mut screen, command);
    }
    if let Command::Cluster(command) = &cli.command {
        let random = Environment::real(1).random;
        if let Some(done) = cluster::run(&mut screen, command, &*clock, &*random) {
            return done;
        }
    }
    if let Command::Storage(command) = &cli.command {
        return storage::run(&mut screen, command);
    }
    let keys = Keys::find(cli.key.as_deref(), env)?;
    let mut operator = Operator {
        client: Client::new(&cli.url, keys)?,
        screen,
        clock,
    };
    match cli.command {
        Command::Ask(args) => ask::run(&mut operator, args).await,
        Command::Config(command) => config::run(&mut operator, command).await,
        Command::Backup { file } => backup::run(&mut operator, &file).await,
        Command::Status => status::run(&mut operator).await,
        Command::Adapters => adapters::run(&mut operator).await,
        Command::Routes => routes::run(&mut operator).await,
        Command::Audit(_) | Command::Storage(_) | Command::Policy(args::Policy::Lint { .. }) => {
            unreachable!("answered above")
        }
        Command::Cluster(command) => members::run(&mut operator, command).await,
        Command::Policy(args::Policy::Apply { file, wait }) => {
            policy::apply(&mut operator, &file, wait).await
        }
        Command::Policy(args::Policy::Show) => policy::show(&mut operator).await,
        Command::Budget(args) => budget::run(&mut operator, args).await,
        Command::Key(args) => key::run(&mut operator, args).await,
        Command::Explain { request_id } => explain::run(&mut operator, &request_id).await,
        Command::Doctor(args) => doctor::run(&mut operator, args).await,
        Command::Decisions(args::Decisions::Verify) => decisions::verify(&mut operator).await,
    }
}
