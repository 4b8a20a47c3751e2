//! The programs behind the gateways, and how each is configured for one upstream.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Gateway;

/// The key that the governed gateway knows.
const KEY: &str = "atp-load-key";

/// Where the programs are; a gateway without one is not measured.
#[derive(Debug, Clone, clap::Args)]
pub struct Programs {
    /// nginx's binary
    #[arg(long)]
    nginx: Option<PathBuf>,
    /// SMG's launcher, as `pip install smg` makes it
    #[arg(long)]
    smg: Option<PathBuf>,
    /// Our release binary
    #[arg(long)]
    node: Option<PathBuf>,
}

/// Where a gateway is to listen, what it is to proxy, and a directory of its own.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub(super) port: u16,
    /// Address and port of the upstream.
    pub(super) upstream: &'a str,
    pub(super) directory: &'a Path,
}

impl Programs {
    /// `Direct` and the gateways among `wanted` that have a program; none wanted means all.
    pub(super) fn gateways(&self, wanted: &[Gateway]) -> Vec<Gateway> {
        let is_wanted = |gateway| wanted.is_empty() || wanted.contains(&gateway);
        let can_start = |gateway| is_wanted(gateway) && self.program(gateway).is_some();
        let is_measured = |gateway: &Gateway| *gateway == Gateway::Direct || can_start(*gateway);
        Gateway::ALL.into_iter().filter(is_measured).collect()
    }

    /// The command that starts `gateway`; its configuration is written to the site's directory.
    pub(super) fn command(&self, gateway: Gateway, site: &Site<'_>) -> Result<Command> {
        let program = self
            .program(gateway)
            .with_context(|| format!("no program for {gateway}"))?;
        let mut command = Command::new(program);
        match gateway {
            Gateway::Direct => bail!("there is no process between load and upstream"),
            Gateway::Nginx => {
                command
                    .arg("-c")
                    .arg(site.write("nginx.conf", include_str!("config/nginx.conf"))?);
            }
            Gateway::Smg => smg(&mut command, site)?,
            Gateway::Plain => node(
                &mut command,
                site.write("plain.toml", include_str!("config/plain.toml"))?,
            ),
            Gateway::Governed => {
                node(
                    &mut command,
                    site.write("governed.toml", include_str!("config/governed.toml"))?,
                );
            }
        }
        Ok(command)
    }

    fn program(&self, gateway: Gateway) -> Option<&Path> {
        match gateway {
            Gateway::Direct => None,
            Gateway::Nginx => self.nginx.as_deref(),
            Gateway::Smg => self.smg.as_deref(),
            Gateway::Plain | Gateway::Governed => self.node.as_deref(),
        }
    }
}

impl Site<'_> {
    /// Writes a configuration with the names in braces filled in.
    fn write(&self, name: &str, template: &str) -> Result<PathBuf> {
        let text = template
            .replace("{port}", &self.port.to_string())
            .replace("{upstream}", self.upstream)
            .replace("{directory}", &self.directory.display().to_string());
        let path = self.directory.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// The credential that `gateway` asks for.
pub(super) fn key(gateway: Gateway) -> Option<String> {
    (gateway == Gateway::Governed).then(|| KEY.to_owned())
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn node(command: &mut Command, config: PathBuf) {
    command
        .args(["run", "--config"])
        .arg(config)
        .env("ATP_LOAD_PROVIDER_KEY", "provider-key")
        .env("ATP_LOAD_KEY", KEY);
}

/// SMG as a proxy to one OpenAI-compatible provider: no tokenizer, no history, quiet logs, room for every stream.
fn smg(command: &mut Command, site: &Site<'_>) -> Result<()> {
    let (port, metrics) = (site.port.to_string(), free_port()?.to_string());
    command.args([
        "launch",
        "--backend",
        "openai",
        "--host",
        "127.0.0.1",
        "--port",
        &port,
    ]);
    command.args(["--worker-urls", &format!("http://{}", site.upstream)]);
    command.args(["--prometheus-host", "127.0.0.1", "--prometheus-port", &metrics]);
    command.args([
        "--log-level",
        "warn",
        "--history-backend",
        "none",
        "--disable-tokenizer-autoload",
    ]);
    command.args(["--max-concurrent-requests", "16384"]);
    Ok(())
}
