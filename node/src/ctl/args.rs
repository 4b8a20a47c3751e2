//! The command line.

mod cluster;
mod config;

use std::path::PathBuf;

use atp_storage::audit::Head;
use clap::{Args, Parser, Subcommand};

pub use cluster::{Cluster, Join};
pub use config::Config;

/// Operates a node of ATP Router.
#[derive(Debug, Parser)]
#[command(name = "atpctl", version, about)]
pub struct Cli {
    /// The node's API.
    #[arg(long, global = true, env = "ATP_URL", default_value = "http://127.0.0.1:7443")]
    pub url: String,
    /// Where the key is: `env:NAME` or `file:PATH`. Otherwise ATP_KEY and ATP_ADMIN_KEY hold the keys themselves.
    #[arg(long, global = true, value_name = "REFERENCE")]
    pub key: Option<String>,
    /// Write JSON, as described in docs/atpctl.md.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send work, and show the answer as it comes.
    Ask(Ask),
    /// How the node is.
    Status,
    /// The adapters it knows, and how they do.
    Adapters,
    /// The candidates requests are routed to.
    Routes,
    /// Check, apply or look at policy documents.
    #[command(subcommand)]
    Policy(Policy),
    /// Accounts: limits and what was spent.
    Budget(Budget),
    /// API keys.
    #[command(subcommand)]
    Key(Key),
    /// Why a request went where it went, and how it fared.
    Explain {
        /// As at the end of `atpctl ask`.
        request_id: String,
    },
    /// Look for what is wrong, and say what to do about it.
    Doctor(Doctor),
    /// Check the audit log of a node, or look at it. Works on its files.
    #[command(subcommand)]
    Audit(Audit),
    /// The decisions of requests, as the cluster keeps them.
    #[command(subcommand)]
    Decisions(Decisions),
    /// Make a cluster and the certificates of its nodes, which works on files; then operate it.
    #[command(subcommand)]
    Cluster(Cluster),
    /// Configuration keys that are changed for the whole cluster, without a restart.
    #[command(subcommand)]
    Config(Config),
    /// Write what the cluster agreed on, accounts and all, into a file from which another cluster can begin.
    Backup {
        /// The file; one that exists is left as it is.
        file: PathBuf,
    },
    /// Look at what a node keeps on disk, check it, or begin anew with a backup. The node must have stopped.
    #[command(subcommand)]
    Storage(Storage),
}

/// `ask`
#[derive(Debug, Args)]
pub struct Ask {
    /// The prompt; standard input when neither prompt nor file is given.
    pub prompt: Vec<String>,
    /// A file to work on; may be repeated.
    #[arg(long, short)]
    pub file: Vec<PathBuf>,
    /// What kind of work it is, matched by policy; e.g. `code_review`.
    #[arg(long)]
    pub task_type: Option<String>,
    /// Personas that are to do it, each in a lane of its own.
    #[arg(long, value_delimiter = ',')]
    pub personas: Vec<String>,
    /// Tier: `gold`, `silver` or `bronze`.
    #[arg(long)]
    pub qos: Option<String>,
    /// How lanes are reconciled; e.g. `consensus`.
    #[arg(long)]
    pub strategy: Option<String>,
    /// A model, adapter or persona by name; otherwise policy decides.
    #[arg(long)]
    pub model: Option<String>,
    /// Most tokens of output.
    #[arg(long)]
    pub max_tokens: Option<u64>,
    /// Most it may cost, in micro-dollars.
    #[arg(long)]
    pub max_cost_usd_micros: Option<u64>,
    /// Time for the whole of it, in milliseconds.
    #[arg(long)]
    pub deadline_ms: Option<u64>,
}

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check documents, without a node.
    Lint {
        /// Documents; `-` is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Put a document in force.
    Apply {
        /// The document; `-` is standard input.
        file: PathBuf,
        /// Return when every live member routes by it; fail after so many seconds, naming who does not.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
        wait: Option<u64>,
    },
    /// What is in force.
    Show,
}

/// `budget …`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Budget {
    /// The account; all of them unless given.
    pub account: Option<String>,
    /// Something else than looking.
    #[command(subcommand)]
    pub change: Option<BudgetChange>,
}

/// `budget set`, `budget delete`
#[derive(Debug, Subcommand)]
pub enum BudgetChange {
    /// Make an account or change its limits; a limit not named stays.
    Set {
        /// The account.
        account: String,
        /// The account around it; fixed once it exists.
        #[arg(long)]
        parent: Option<String>,
        /// Most tokens ever, or `none`.
        #[arg(long, value_parser = limit)]
        limit_tokens: Option<Limit>,
        /// Most micro-dollars ever, or `none`.
        #[arg(long, value_parser = limit)]
        limit_usd_micros: Option<Limit>,
        /// Most concurrent calls, or `none`.
        #[arg(long, value_parser = limit)]
        max_parallel: Option<Limit>,
    },
    /// Delete an account that has no keys, no accounts in it and no calls in flight.
    Delete {
        /// The account.
        account: String,
    },
}

/// A limit as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(
    /// `None` is no limit.
    pub Option<u64>,
);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        number => number
            .replace('_', "")
            .parse()
            .map(|number| Limit(Some(number)))
            .map_err(|_| "write a whole number or `none`".to_owned()),
    }
}

/// `key …`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key that spends from an account. It is shown this once.
    Create {
        /// The account.
        account: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// Its holder may dial in as an agent of the account's tenant.
        #[arg(long)]
        may_declare_agents: bool,
    },
    /// The keys there are, without the keys themselves.
    List,
    /// End a key.
    Revoke {
        /// Its id, as `key list` shows it.
        id: String,
    },
}

/// `decisions …`
#[derive(Debug, Subcommand)]
pub enum Decisions {
    /// Have the node check its copy: that no record that is kept was altered, taken out or put in.
    Verify,
}

/// `storage …`
#[derive(Debug, Subcommand)]
pub enum Storage {
    /// Show logs, tables and snapshots with their sizes.
    Inspect {
        /// The directory of the store.
        dir: PathBuf,
    },
    /// Read everything and check every checksum and digest.
    Verify {
        /// The directory of the store, or a backup.
        dir: PathBuf,
    },
    /// Begin another cluster with a backup: makes the data directory of its first node.
    Restore {
        /// As `atpctl backup` wrote it.
        backup: PathBuf,
        /// The data directory to be: one that does not exist or is empty.
        #[arg(long)]
        out: PathBuf,
        /// The first node's directory, as `cluster join` wrote it; none for a node by itself.
        #[arg(long)]
        node: Option<PathBuf>,
    },
}

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Find the first record that was altered. The node must have stopped.
    Verify {
        /// The directory `audit` below the data directory, or one file of it.
        path: PathBuf,
        /// A record that must be there: the head of an earlier check, or of a log line of the node.
        #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
        expect: Option<Head>,
    },
    /// Show the last records, unchecked.
    Tail {
        /// As for `verify`.
        path: PathBuf,
        /// How many.
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        lines: u32,
    },
}

fn head(text: &str) -> Result<Head, String> {
    let wanted = || "write it as it was shown, SEQ:HASH".to_owned();
    let (seq, hash) = text.split_once(':').ok_or_else(wanted)?;
    match (seq.parse(), hash.parse()) {
        (Ok(seq), Ok(hash)) => Ok(Head { seq, hash }),
        _ => Err(wanted()),
    }
}

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// A policy document to check as well.
    #[arg(long)]
    pub policy: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        assert_eq!(limit("1_000"), Ok(Limit(Some(1000))));
        assert_eq!(limit("none"), Ok(Limit(None)));
        assert!(limit("-1").is_err());
    }

    #[test]
    fn a_budget_is_looked_at_or_set() {
        let shown = Cli::try_parse_from(["atpctl", "budget", "acme"]).expect("a valid line");
        assert!(
            matches!(shown.command, Command::Budget(Budget { account: Some(name), .. }) if name == "acme")
        );
        let line = ["atpctl", "budget", "set", "acme", "--limit-tokens", "5"];
        let set = Cli::try_parse_from(line).expect("a valid line");
        assert!(matches!(
            set.command,
            Command::Budget(Budget { change: Some(_), .. })
        ));
    }
}
