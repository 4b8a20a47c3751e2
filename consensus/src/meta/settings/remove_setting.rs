//! Leaves a configuration key to each node again.

use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveSetting {
    /// The key.
    pub key: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemoveSettingReply {
    /// It is not there, since this command or an earlier one.
    Removed,
}

impl Body for RemoveSetting {
    const TAG: Tag = tag(81);
    type Reply = RemoveSettingReply;
}

impl Handler<Meta, Effect> for RemoveSetting {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> RemoveSettingReply {
        if meta.settings.get(&self.key).is_some() {
            meta.settings.change(context.index).values.remove(&self.key);
            effects.push(Effect::SettingsChanged);
        }
        RemoveSettingReply::Removed
    }
}
