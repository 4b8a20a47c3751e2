//! Changes a configuration key for the whole cluster.

use serde::{Deserialize, Serialize};

use super::{KEY_MAX, SETTINGS_MAX, VALUE_MAX};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutSetting {
    /// The key, as in the configuration file: `section.key`.
    pub key: String,
    /// Its value, as in the configuration file.
    pub value: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutSettingReply {
    /// It has that value.
    Put,
    /// Key or value is over its bound ([`KEY_MAX`], [`VALUE_MAX`]).
    TooLong,
    /// As many keys as may be changed ([`SETTINGS_MAX`]). Remove one first.
    TooMany,
}

impl Body for PutSetting {
    const TAG: Tag = tag(80);
    type Reply = PutSettingReply;
}

impl Handler<Meta, Effect> for PutSetting {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> PutSettingReply {
        let Self { key, value } = self;
        if key.len() > KEY_MAX || value.len() > VALUE_MAX {
            return PutSettingReply::TooLong;
        }
        match meta.settings.get(&key) {
            Some(known) if known == value => return PutSettingReply::Put,
            None if meta.settings.values.len() >= SETTINGS_MAX => return PutSettingReply::TooMany,
            Some(_) | None => {}
        }
        meta.settings.change(context.index).values.insert(key, value);
        effects.push(Effect::SettingsChanged);
        PutSettingReply::Put
    }
}
