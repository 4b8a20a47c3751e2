//! What a backup says of itself: its metadata, as JSON.

use serde::{Deserialize, Serialize};

/// Members are added in later releases and never change their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The cluster it is of.
    pub(crate) cluster: String,
    /// The release of the node that took it.
    pub(crate) release: String,
    /// The cluster's version: no command in it is of a later one.
    pub(crate) cluster_version: u16,
    /// The cluster's journal groups. Accounts and sessions are spread over so many.
    pub(crate) journals: u16,
    /// When it was begun, in milliseconds of Unix time, by that node's clock.
    pub(crate) taken_at_ms: u64,
    /// What is in it, in the order of the file.
    pub(crate) groups: Vec<Part>,
}

/// A group in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its number.
    pub(crate) group: u16,
    /// Index of the last entry in it.
    pub(crate) index: u64,
    /// Length of its snapshot in bytes.
    pub(crate) bytes: u64,
}
