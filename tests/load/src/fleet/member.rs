//! One process, over several lives.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A process that can be started again with the same command line; killed when dropped.
#[derive(Debug)]
pub struct Member {
    /// Program and arguments.
    line: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Member {
    /// A member that does not run; what its lives print is appended to `log`.
    pub fn new(line: Vec<String>, log: PathBuf) -> Self {
        Self {
            line,
            log,
            child: None,
        }
    }

    /// Starts the process; one that runs stays.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let (program, arguments) = self.line.split_first().context("an empty command line")?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting `{}`", self.line.join(" ")))?;
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`; returns when the process is gone. One that does not run stays so.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Of the life that runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// SIGSTOP: connections stay, nothing answers.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Fails with the end of the log when a process that was started has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(20)..].join("\n");
            bail!("`{}` ended with {status}:\n{end}", self.line.join(" "));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().context("the member does not run")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // A stopped process dies of SIGKILL too; one that is gone leaves nothing to do.
        self.kill().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(directory: &tempfile::TempDir, script: &str) -> Member {
        let line = ["sh", "-c", script].map(str::to_owned).to_vec();
        Member::new(line, directory.path().join("log"))
    }

    #[test]
    fn a_member_lives_again_after_a_kill() {
        let directory = tempfile::tempdir().unwrap();
        let mut member = member(&directory, "exec sleep 60");
        for _ in 0..2 {
            member.start().unwrap();
            member.freeze().unwrap();
            member.check().unwrap();
            member.kill().unwrap();
            assert!(member.thaw().is_err(), "nobody is left to be signalled");
        }
    }

    #[test]
    fn a_member_that_ended_by_itself_is_an_error_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut member = member(&directory, "echo no port is free; exit 3");
        member.start().unwrap();
        let error = loop {
            if let Err(error) = member.check() {
                break error.to_string();
            }
        };
        assert!(error.contains("no port is free"), "{error}");
    }
}
