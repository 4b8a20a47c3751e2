//! What processes have spent, from `/proc`: CPU time and memory of a tree, CPU time of the whole machine.

use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::Process;
use procfs::{CurrentSI, KernelStats};
use serde::Serialize;

/// A reading of a process tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// User and system time of the living processes and of reaped children, in steps of a kernel tick (10 ms).
    pub cpu: Duration,
    /// Sum of the resident set sizes. Pages shared between the processes count once per process.
    pub rss_bytes: u64,
}

/// Reads the tree below and including `pid`. Descendants that end meanwhile are left out; `pid` itself must live.
pub fn usage(pid: u32) -> Result<Usage> {
    let root = Process::new(i32::try_from(pid)?).with_context(|| format!("process {pid} is gone"))?;
    let mut total = Usage::default();
    let mut pending = vec![root];
    while let Some(process) = pending.pop() {
        let Ok(stat) = process.stat() else { continue };
        let reaped = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        let ticks = (stat.utime + stat.stime + reaped) as f64 / procfs::ticks_per_second() as f64;
        total.cpu += Duration::from_secs_f64(ticks);
        total.rss_bytes += stat.rss * procfs::page_size();
        pending.extend(children(&process));
    }
    Ok(total)
}

/// CPU time of all processes since boot, and what the hypervisor gave to others meanwhile. Interrupts, most of them
/// of our own loopback traffic, are left out.
pub fn machine_cpu() -> Result<Duration> {
    let total = KernelStats::current()?.total;
    let ticks = total.user + total.nice + total.system + total.steal.unwrap_or(0);
    Ok(Duration::from_secs_f64(
        ticks as f64 / procfs::ticks_per_second() as f64,
    ))
}

fn children(process: &Process) -> Vec<Process> {
    let tasks = process.tasks().into_iter().flatten().flatten();
    tasks
        .filter_map(|task| task.children().ok())
        .flatten()
        .filter_map(|pid| Process::new(i32::try_from(pid).ok()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count_with_their_parent() {
        let alone = usage(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let with_child = usage(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(alone.rss_bytes > 0);
        assert!(with_child.rss_bytes > alone.rss_bytes);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(usage(child.id()).is_err());
    }
}
