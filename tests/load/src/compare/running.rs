//! The processes of a comparison: the upstream and the gateways, each ended with its value.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::time::sleep;

use super::Gateway;
use super::programs::{Programs, Site, free_port, key};
use crate::client::{Ask, Connection, Target};
use crate::clock;

/// A gateway that has not answered by then has failed to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A process that has not ended by then is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The mock upstream, in a process of its own so that it shares neither thread nor memory with the load.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) url: String,
    _process: Process,
}

impl Provider {
    pub(super) fn start() -> Result<Self> {
        #[derive(Deserialize)]
        struct Ready {
            url: String,
        }
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["upstream", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = Process(command.spawn().context("starting the upstream")?);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line).context("the upstream did not report ready")?;
        Ok(Self {
            url: ready.url,
            _process: process,
        })
    }
}

/// A gateway that answers.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) target: Target,
    /// None for `Direct`.
    pub(super) process: Option<GatewayProcess>,
}

/// The process of a gateway.
#[derive(Debug)]
pub(super) struct GatewayProcess {
    /// The root of the gateway's processes.
    pub(super) pid: u32,
    /// From start to the first 200.
    pub(super) first_answer: Duration,
    // Declared before the directory, so that the process has ended when its files go.
    _process: Process,
    _directory: TempDir,
}

impl Running {
    /// Starts `gateway` and returns when it has answered.
    pub(super) async fn start(programs: &Programs, gateway: Gateway, provider: &Provider) -> Result<Self> {
        if gateway == Gateway::Direct {
            return Ok(Self {
                target: Target::at(&provider.url),
                process: None,
            });
        }
        let (directory, port) = (tempfile::tempdir()?, free_port()?);
        let upstream = provider.url.trim_start_matches("http://");
        let site = Site {
            port,
            upstream,
            directory: directory.path(),
        };
        let mut command = programs.command(gateway, &site)?;
        let log = directory.path().join("log");
        let file = std::fs::File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let target = Target {
            key: key(gateway),
            ..Target::at(format!("http://127.0.0.1:{port}"))
        };

        let start = clock::now();
        let mut process = Process(command.spawn().with_context(|| format!("starting {gateway}"))?);
        answered(&target, &mut process, &log)
            .await
            .with_context(|| format!("starting {gateway}"))?;
        let process = GatewayProcess {
            pid: process.0.id(),
            first_answer: clock::now() - start,
            _process: process,
            _directory: directory,
        };
        Ok(Self {
            target,
            process: Some(process),
        })
    }
}

/// Asks every millisecond until the answer is 200. Fails with the log when the process ends or takes too long.
async fn answered(target: &Target, process: &mut Process, log: &Path) -> Result<()> {
    let deadline = clock::now() + START_LIMIT;
    let mut connection = Connection::new(target.call(Ask::default()).await?, None);
    while let Err(failure) = connection.exchange().await {
        let ended = process.0.try_wait()?;
        if ended.is_some() || clock::now() > deadline {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            bail!("no answer ({failure}, exit {ended:?}):\n{log}");
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// A child that is asked to end, and killed if it does not, when this is dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let asked = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let deadline = clock::now() + STOP_LIMIT;
        while asked.is_ok() && clock::now() < deadline {
            if let Ok(Some(_)) = self.0.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Neither can fail in a way that leaves something to do.
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}
