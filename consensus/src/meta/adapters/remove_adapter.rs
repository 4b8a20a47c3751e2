//! Forgets an adapter that left.

use serde::{Deserialize, Serialize};

use super::Name;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveAdapter {
    /// The adapter, and where it was.
    pub name: Name,
    /// The registration that ended; a later one stays.
    pub incarnation: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemoveAdapterReply {
    /// It is not there, since this command or an earlier one.
    Removed,
    /// It has registered again since.
    Superseded {
        /// With this incarnation.
        incarnation: u64,
    },
}

impl Body for RemoveAdapter {
    const TAG: Tag = tag(33);
    type Reply = RemoveAdapterReply;
}

impl Handler<Meta, Effect> for RemoveAdapter {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> RemoveAdapterReply {
        match meta.adapters.get(&self.name).map(|adapter| adapter.incarnation) {
            None => RemoveAdapterReply::Removed,
            Some(incarnation) if incarnation > self.incarnation => {
                RemoveAdapterReply::Superseded { incarnation }
            }
            Some(_) => {
                meta.adapters.change(context.index).remove(&self.name);
                effects.push(Effect::AdaptersChanged);
                RemoveAdapterReply::Removed
            }
        }
    }
}
