//! What other nodes found of adapters, so that not every node asks each of them.

use std::fmt::Debug;

use atp_protocol::adapter::Health;

use super::AdapterName;
use crate::registry::Attachment;

/// Hints of other nodes (design section 3): an adapter of which nothing is heard is asked.
pub trait Hearsay: Debug + Send + Sync {
    /// How an adapter is by the word of the node that looks after it. `None` where that is this node, where nobody is heard of, and
    /// where others know it with other `models` than this node does.
    fn of(&self, name: &AdapterName, attachment: Attachment, models: &[String]) -> Option<Health>;
}

/// A node that hears of nobody.
#[derive(Debug)]
pub struct Silence;

impl Hearsay for Silence {
    fn of(&self, _: &AdapterName, _: Attachment, _: &[String]) -> Option<Health> {
        None
    }
}
