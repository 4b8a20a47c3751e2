//! Configuration keys that are changed for the whole cluster.

use atp_consensus::meta::settings::{PutSetting, PutSettingReply, RemoveSetting, RemoveSettingReply};
use atp_protocol::error::{Code, Fault};
use atp_routing::audit::Event;
use serde_json::Value;

use super::Meta;
use crate::cluster::propose;
use crate::config::{ConfigError, RELOADABLE, Reloadable};

/// A key as this node goes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// What is in force here.
    pub(crate) value: Value,
    /// What it would be without the cluster.
    pub(crate) configured: Value,
    /// The cluster agreed on it.
    pub(crate) is_agreed: bool,
}

impl Meta {
    /// Changes a key at all nodes: here when it returns, elsewhere as soon as they have heard. `value` as in the configuration file.
    ///
    /// # Errors
    /// `EBAD_INPUT` for a key that needs a restart, or a value that the file could not have; those of the group.
    pub(crate) async fn put_setting(&self, name: &str, value: String) -> Result<Setting, Fault> {
        let key = Reloadable::named(name).map_err(|error| refused(&error))?;
        let (_, mut agreed) = self.agreed();
        agreed.retain(|(other, _)| other != name);
        agreed.push((name.to_owned(), value.clone()));
        let checked = self.live.with(&agreed);
        checked.map_err(|error| refused(&error))?;
        let put = PutSetting {
            key: name.to_owned(),
            value: value.clone(),
        };
        match propose(&self.cluster.meta, &put).await? {
            PutSettingReply::Put => {}
            reply @ (PutSettingReply::TooLong | PutSettingReply::TooMany) => {
                let detail = format!("{name}: the cluster does not keep it: {reply:?}");
                return Err(Fault::new(Code::BadInput, detail));
            }
        }
        self.follow().await;
        self.world.audit.note(Event::SettingChanged {
            setting: key.name.into(),
            value: Some(value.into()),
        });
        Ok(self.shown(key))
    }

    /// Leaves a key to each node's own configuration again.
    ///
    /// # Errors
    /// As [`Self::put_setting`].
    pub(crate) async fn remove_setting(&self, name: &str) -> Result<Setting, Fault> {
        let key = Reloadable::named(name).map_err(|error| refused(&error))?;
        let remove = RemoveSetting { key: name.to_owned() };
        let RemoveSettingReply::Removed = propose(&self.cluster.meta, &remove).await?;
        self.follow().await;
        self.world.audit.note(Event::SettingChanged {
            setting: key.name.into(),
            value: None,
        });
        Ok(self.shown(key))
    }

    /// One key.
    ///
    /// # Errors
    /// `EBAD_INPUT` for one that needs a restart.
    pub(crate) fn setting(&self, name: &str) -> Result<Setting, Fault> {
        let key = Reloadable::named(name).map_err(|error| refused(&error))?;
        Ok(self.shown(key))
    }

    /// All keys, by name.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        RELOADABLE.iter().map(|key| self.shown(key)).collect()
    }

    /// The state of what was agreed on, and the one in force here, which may be a moment behind.
    pub(crate) fn settings_version(&self) -> (u64, u64) {
        let agreed = self.cluster.meta.read(|meta| meta.settings().generation());
        (agreed, self.live.version())
    }

    fn shown(&self, key: &'static Reloadable) -> Setting {
        let agreed = |meta: &atp_consensus::meta::Meta| meta.settings().get(key.name).is_some();
        Setting {
            name: key.name,
            value: key.of(&self.live.effective()),
            configured: key.of(self.live.configured()),
            is_agreed: self.cluster.meta.read(agreed),
        }
    }

    /// What the cluster agreed on, as far as this node has applied it, and which state of it that is.
    pub(super) fn agreed(&self) -> (u64, Vec<(String, String)>) {
        self.cluster.meta.read(|meta| {
            let settings = meta.settings();
            let values = settings.iter();
            let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (settings.generation(), values.collect())
        })
    }
}

fn refused(error: &ConfigError) -> Fault {
    Fault::new(Code::BadInput, error.to_string())
}
