//! The processes of a cluster on this machine: started, killed, stopped in their tracks and started again.
//!
//! A member is a command line; what it keeps between two lives is in its own directory. Every member is killed when
//! its value is dropped.

mod member;

use std::path::Path;

use anyhow::{Context, Result, ensure};

pub use member::Member;

/// How the members of a cluster of ours are started.
#[derive(Debug, Clone, clap::Args)]
pub struct Template {
    /// Shell command run once before the first start of a cluster; `{dir}` is its fresh directory
    #[arg(long)]
    pub prepare: Option<String>,
    /// Shell command of member {n}, counted from 1; `{dir}` as above. It must not go into the background
    #[arg(long)]
    pub start: Option<String>,
    /// Base of the HTTP API of each member, in order; comma-separated
    #[arg(long, value_delimiter = ',')]
    pub api: Vec<String>,
}

impl Template {
    /// The members of a cluster in `directory`, none of them started.
    ///
    /// Fails when the preparation does, with what it said.
    pub fn members(&self, directory: &Path) -> Result<Vec<Member>> {
        let start = self
            .start
            .as_deref()
            .context("--start says how to start a member")?;
        ensure!(!self.api.is_empty(), "--api names no member");
        let fill = |text: &str| text.replace("{dir}", &directory.display().to_string());
        if let Some(prepare) = &self.prepare {
            let output = std::process::Command::new("sh")
                .args(["-c", &fill(prepare)])
                .output()
                .with_context(|| format!("running `{prepare}`"))?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "`{prepare}` failed: {said}");
        }
        let member = |n: usize| {
            // Without `exec` a kill would hit the shell.
            let line = format!("exec {}", fill(start).replace("{n}", &n.to_string()));
            let log = directory.join(format!("member-{n}.log"));
            Member::new(vec!["sh".into(), "-c".into(), line], log)
        };
        Ok((1..=self.api.len()).map(member).collect())
    }
}
