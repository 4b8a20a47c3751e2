//! Secrets by reference: `env:NAME` or `file:PATH`.

use std::fmt;

use serde::Deserialize;

use super::ConfigError;
use crate::secret::Secret;

/// Where a secret is to be found. Holds the reference only, so it may be printed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; one trailing line break is not part of the secret.
    File(String),
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            // The text may be the secret itself, written here by mistake: it is not repeated.
            _ => Err("secrets are given by reference: write \"env:NAME\" or \"file:PATH\"".to_owned()),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl SecretRef {
    /// Fetches the secret; `env` looks up environment variables.
    ///
    /// # Errors
    /// [`ConfigError::Secret`] when the variable or file is missing or empty.
    pub fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, ConfigError> {
        let fail = |message: String| ConfigError::Secret {
            reference: self.to_string(),
            message,
        };
        let text = match self {
            Self::Env(name) => env(name).ok_or_else(|| fail("the variable is not set".to_owned()))?,
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?
            }
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(fail("is empty".to_owned()));
        }
        Ok(Secret::new(text.to_owned()))
    }
}
