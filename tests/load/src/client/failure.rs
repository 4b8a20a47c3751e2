//! Why a request did not succeed.

use std::collections::BTreeMap;
use std::fmt;

/// One failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The connection could not be made.
    Connect,
    /// The connection ended before the answer did.
    Broken,
    /// No answer in time.
    Timeout,
    /// The answer has this status, which is not one of success.
    Status(u16),
    /// The answer is a success and does not say what it should.
    Content,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Broken => f.write_str("broken"),
            Self::Timeout => f.write_str("timeout"),
            Self::Status(status) => write!(f, "{status}"),
            Self::Content => f.write_str("content"),
        }
    }
}

/// Failures by kind, serialised under their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures(BTreeMap<Failure, u64>);

impl Failures {
    /// Counts one.
    pub fn add(&mut self, failure: Failure) {
        *self.0.entry(failure).or_default() += 1;
    }

    /// Adds the counts of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (failure, count) in &other.0 {
            *self.0.entry(*failure).or_default() += count;
        }
    }

    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl serde::Serialize for Failures {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(failure, count)| (failure.to_string(), count)))
    }
}
