//! The file descriptor limit, which bounds how many connections one process can hold.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything that is not a connection: runtime, standard streams, files.
const RESERVE: u64 = 64;

/// Raises the soft limit to the hard one and checks that `connections` fit.
///
/// Children inherit the raised limit. Fails with what to do when the hard limit is too low.
pub fn allow_connections(connections: u64) -> Result<()> {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: hard,
            maximum: hard,
        },
    )?;
    let allowed = hard.unwrap_or(u64::MAX);
    ensure!(
        connections.saturating_add(RESERVE) <= allowed,
        "{connections} connections need {} file descriptors and the hard limit is {allowed}: \
         run `ulimit -Hn {}` as root first",
        connections + RESERVE,
        connections + RESERVE,
    );
    Ok(())
}
