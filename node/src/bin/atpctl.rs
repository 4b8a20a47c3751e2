//! `atpctl`: operates a node over its HTTP API.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use atp_node::ctl::{self, Failure, Screen, args::Cli};
use atp_node::environment::Environment;
use clap::Parser;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_json = cli.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to be done if even this cannot be written.
            let _ = report(&failure, is_json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let screen = Screen {
        out: Box::new(io::stdout()),
        err: Box::new(io::stderr()),
        is_terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
        is_json: false,
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::File {
            what: "no runtime".to_owned(),
            source,
        })?;
    let clock = Environment::real(1).clock;
    LocalSet::new().block_on(&runtime, ctl::run(cli, &env, screen, clock))
}

fn report(failure: &Failure, is_json: bool) -> io::Result<()> {
    if is_json {
        return writeln!(io::stderr(), "{}", failure.json());
    }
    writeln!(io::stderr(), "atpctl: {failure}")?;
    match failure.hint() {
        Some(hint) => writeln!(io::stderr(), "        {hint}"),
        None => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "a program reads its environment once")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
