//! What a cluster agreed on, in a file from which another cluster begins (docs/adr/0016).
//!
//! ```text
//! a member        take ──► images of all groups ──► GET /v1/admin/backup ──► atpctl backup FILE
//! the operator    atpctl storage restore FILE --node DIR --out DATA_DIR ──► the first node of another cluster
//! ```
//!
//! Bounds: a node takes one backup at a time, a second one is refused. It has the state of one group in memory once more while it writes
//! the image of that group, and a piece of the file while it sends it; who restores has the state of one group in memory.

mod error;
mod manifest;
mod restore;
mod take;

pub(crate) use error::BackupFault;
pub(crate) use manifest::Manifest;
pub(crate) use restore::{restore, verify};
pub(crate) use take::take;
