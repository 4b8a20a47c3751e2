//! What is wrong with a configuration, said so that the operator can mend it.

use std::path::PathBuf;

/// Why a configuration was refused. The process ends with exit code 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}; check that it exists and is readable")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, a wrong type or an unknown key. Names line, column and the nearest known key.
    #[error("{origin}: {message}")]
    Malformed {
        /// File, or the environment variable.
        origin: String,
        /// Line, what is wrong, a hint.
        message: String,
    },
    /// A value that cannot work, or two that contradict each other.
    #[error("{key}: {message}")]
    Invalid {
        /// The dotted key.
        key: String,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// A secret reference that leads nowhere.
    #[error("{reference}: {message}")]
    Secret {
        /// The reference, never the secret.
        reference: String,
        /// What is wrong.
        message: String,
    },
}

impl ConfigError {
    /// A value that cannot work.
    pub(crate) fn invalid(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            message: message.into(),
        }
    }
}
