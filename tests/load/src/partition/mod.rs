//! A network between members that can be broken while they run: a TCP proxy before each member.
//!
//! What happens to bytes is set for each ordered pair of members, so that a partition can be asymmetric. Who dialled is
//! known by the process that owns the other end ([`Origins`]); where that is nobody's, it counts as member 0.
//! Bytes are never lost out of the middle of a stream, which TCP does not do either: a hole holds them, and both ends wait.

mod board;
mod diag;
mod origin;
mod proxy;
mod pump;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::unix::pipe::Receiver;

pub use board::{Board, Fault};
pub use origin::Origins;
pub use proxy::serve;

/// Where a proxy listens, and the member behind it.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// What other members dial.
    pub listen: SocketAddr,
    /// Where the member listens.
    pub target: SocketAddr,
}

/// A network driven from stdin.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// A proxy `LISTEN=TARGET` for each member, in order; members count from 1
    #[arg(long = "link", required = true)]
    pub links: Vec<Link>,
    /// Process of each member, in order, by which it is known who dials
    #[arg(long, value_delimiter = ',')]
    pub pids: Vec<u32>,
}

/// Serves until stdin ends. A line is `FROM TO FAULT` or `heal`; each is answered by a line of JSON.
///
/// Members count from 1, and 0 is whoever is not known. FAULT is `pass`, `hole`, `reset`, `delay MS [JITTER]` or `throttle BYTES_PER_SECOND`.
pub async fn run(options: &Options) -> Result<()> {
    let (board, origins) = (Board::default(), Origins::default());
    for (index, pid) in options.pids.iter().enumerate() {
        origins.set(index + 1, Some(*pid));
    }
    for (index, link) in options.links.iter().enumerate() {
        serve(*link, index + 1, board.clone(), origins.clone()).await?;
    }
    let mut lines = BufReader::new(stdin()?).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match obey(&board, &line) {
            Ok(()) => json!({ "ok": true }),
            Err(error) => json!({ "ok": false, "error": format!("{error:#}") }),
        };
        print(&answer.to_string());
    }
    Ok(())
}

fn obey(board: &Board, line: &str) -> Result<()> {
    if line.trim() == "heal" {
        board.heal();
        return Ok(());
    }
    let mut words = line.splitn(3, ' ');
    let mut member = || words.next()?.parse::<usize>().ok();
    let (from, to) = member()
        .zip(member())
        .context("a line is `FROM TO FAULT` or `heal`")?;
    board.set(from, to, words.next().context("no fault is named")?.parse()?);
    Ok(())
}

impl FromStr for Link {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (listen, target) = text.split_once('=').context("a link is LISTEN=TARGET")?;
        Ok(Self {
            listen: listen.parse()?,
            target: target.parse()?,
        })
    }
}

/// Standard input, which must be a pipe: whatever starts this drives it.
fn stdin() -> Result<impl AsyncRead + Unpin> {
    let descriptor = rustix::io::dup(std::io::stdin())?;
    Receiver::from_owned_fd(descriptor).context("stdin is not a pipe; try `cat | atp-load partition …`")
}

#[expect(clippy::print_stdout, reason = "the answer to a line")]
fn print(text: &str) {
    println!("{text}");
}
