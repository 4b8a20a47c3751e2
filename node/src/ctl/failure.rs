//! Why a command failed, what to do, and the exit code.

use std::io;

use atp_protocol::error::Problem;
use serde_json::{Value, json};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or environment cannot be used.
    #[error("{0}")]
    Config(String),
    /// The node did not answer.
    #[error("no answer from {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The node said no.
    #[error("{status} {code}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Kebab-case code.
        code: String,
        /// What is specific to this occurrence.
        detail: String,
        /// What to do next.
        hint: Option<String>,
        /// Names the request in the node's logs.
        correlation_id: Option<String>,
    },
    /// The node answered something else than was agreed on.
    #[error("{0}")]
    Unexpected(String),
    /// The command was carried out and its result is bad; what is bad has been written out.
    #[error("{0}")]
    Verdict(String),
    /// A file or the terminal.
    #[error("{what}: {source}")]
    File {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
}

impl Failure {
    /// 1, or 64 when the configuration is at fault.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 64,
            _ => 1,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Unreachable { .. } => {
                Some("start a node with `atp-node dev`, or name one with --url or ATP_URL")
            }
            Self::Refused { status: 401, .. } => {
                Some("set ATP_KEY or ATP_ADMIN_KEY, or name the key with --key env:NAME or file:PATH")
            }
            Self::Refused { status: 403, .. } => Some("this needs the admin key: set ATP_ADMIN_KEY"),
            Self::Refused { hint, .. } => hint.as_deref(),
            Self::Unexpected(_) => Some("check that the URL is a node's, and of the same release as atpctl"),
            Self::Config(_) | Self::Verdict(_) | Self::File { .. } => None,
        }
    }

    /// The failure as `--json` writes it.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut error =
            json!({ "message": self.to_string(), "hint": self.hint(), "exit_code": self.exit_code() });
        if let Self::Refused {
            status,
            code,
            correlation_id,
            ..
        } = self
        {
            error["status"] = (*status).into();
            error["code"] = code.as_str().into();
            error["correlation_id"] = correlation_id.as_deref().into();
        }
        json!({ "error": error })
    }

    /// The reader of our output has gone, as `head` does: nothing is wrong.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(super) fn refused(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => Self::Refused {
                status,
                code: problem.code.into_owned(),
                detail: problem.detail,
                hint: Some(problem.hint.into_owned()),
                correlation_id: Some(problem.correlation_id),
            },
            Err(_) if body.is_empty() => {
                Self::Unexpected(format!("the node answers {status} and nothing else"))
            }
            Err(_) => Self::Refused {
                status,
                code: "unknown".to_owned(),
                detail: String::from_utf8_lossy(body).chars().take(200).collect(),
                hint: None,
                correlation_id: None,
            },
        }
    }
}
