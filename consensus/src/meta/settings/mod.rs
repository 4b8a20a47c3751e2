//! Configuration keys that were changed for the whole cluster at run time.
//!
//! Keys and values are texts here; a node checks them before they are proposed, and one that does not know a key leaves it.
//! At the bounds: [`SETTINGS_MAX`] keys, a key of [`KEY_MAX`] and a value of [`VALUE_MAX`] bytes; beyond, refused.

mod put_setting;
mod remove_setting;

pub use put_setting::{PutSetting, PutSettingReply};
pub use remove_setting::{RemoveSetting, RemoveSettingReply};

use std::collections::BTreeMap;

/// Keys; one more is refused.
pub const SETTINGS_MAX: usize = 1_024;

/// Bytes of a key.
pub const KEY_MAX: usize = 128;

/// Bytes of a value.
pub const VALUE_MAX: usize = 16 * 1024;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    pub(super) values: BTreeMap<String, String>,
}

impl Settings {
    /// The value of a key; `None` leaves it to each node's configuration.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All keys with their values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
