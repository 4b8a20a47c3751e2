//! `config …`

use clap::Subcommand;

/// `config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// All keys that can be changed, with what is in force.
    List,
    /// One key.
    Get {
        /// `section.key`, as in the configuration file.
        name: String,
    },
    /// Change a key at every node.
    Set {
        /// `section.key`, as in the configuration file.
        name: String,
        /// What it is to be, as in the file; texts without quotes.
        value: String,
        /// Return when every live member goes by it; fail after so many seconds, naming who does not.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
        wait: Option<u64>,
    },
    /// Leave a key to each node's own configuration again.
    Unset {
        /// `section.key`, as in the configuration file.
        name: String,
        /// As for `set`.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
        wait: Option<u64>,
    },
}
