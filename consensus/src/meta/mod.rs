//! What the whole cluster agrees on (design section 3): command family 1.
//!
//! | Section | Holds |
//! |---|---|
//! | [`cluster`] | identity, members, version, who should lead which group |
//! | [`policy`] | the document in force and those before it: the RIB's models, agents, personas and routes |
//! | [`adapters`] | adapters that registered at run time |
//! | [`accounts`] | accounts, what they are part of, their limits |
//! | [`keys`] | API keys, by hash |
//! | [`settings`] | configuration keys changed for the whole cluster |
//!
//! Every section says when it changed last. Each command is a file in the folder of its section; what it does not find fitting
//! it refuses in its reply, and changes nothing. A command whose outcome is unknown may be proposed again.
//!
//! Which members carry out what was agreed is not here: it would be a quorum write a member for something that only the living
//! answer. Each gossips up to which index it has applied.

pub mod accounts;
pub mod adapters;
pub mod cluster;
mod effect;
pub mod keys;
pub mod policy;
mod restored;
mod saved;
pub mod settings;

#[cfg(test)]
mod tests;

pub use effect::Effect;

use crate::command::{CommandError, Tag};
use crate::dispatch::{Entry, dispatch, entry};
use crate::machine::{Applied, Context, LoadError, Machine};
use crate::section::Section;
use crate::version::Agreed;

/// The family of its commands.
pub const FAMILY: u16 = 1;

/// Names a command in its first schema. Sixteen numbers are set apart for each section.
const fn tag(variant: u16) -> Tag {
    Tag::first(FAMILY, variant)
}

/// Every command of the family.
const COMMANDS: &[Entry<Meta, Effect>] = &[
    entry::<cluster::InitCluster, _, _>(),
    entry::<cluster::PutMember, _, _>(),
    entry::<cluster::RemoveMember, _, _>(),
    entry::<cluster::SetDrain, _, _>(),
    entry::<cluster::SetPlacement, _, _>(),
    entry::<cluster::RaiseVersion, _, _>(),
    entry::<policy::ApplyPolicy, _, _>(),
    entry::<adapters::PutAdapter, _, _>(),
    entry::<adapters::RemoveAdapter, _, _>(),
    entry::<accounts::PutAccount, _, _>(),
    entry::<accounts::BeginDelete, _, _>(),
    entry::<accounts::EndDelete, _, _>(),
    entry::<accounts::CancelDelete, _, _>(),
    entry::<keys::MakeKey, _, _>(),
    entry::<keys::RevokeKey, _, _>(),
    entry::<settings::PutSetting, _, _>(),
    entry::<settings::RemoveSetting, _, _>(),
];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    cluster: Section<cluster::Cluster>,
    policies: Section<policy::Policies>,
    adapters: Section<adapters::Adapters>,
    accounts: Section<accounts::Accounts>,
    keys: Section<keys::Keys>,
    settings: Section<settings::Settings>,
}

impl Meta {
    /// The cluster itself.
    #[must_use]
    pub const fn cluster(&self) -> &Section<cluster::Cluster> {
        &self.cluster
    }

    /// Policy documents.
    #[must_use]
    pub const fn policies(&self) -> &Section<policy::Policies> {
        &self.policies
    }

    /// Adapters.
    #[must_use]
    pub const fn adapters(&self) -> &Section<adapters::Adapters> {
        &self.adapters
    }

    /// Accounts.
    #[must_use]
    pub const fn accounts(&self) -> &Section<accounts::Accounts> {
        &self.accounts
    }

    /// Keys.
    #[must_use]
    pub const fn keys(&self) -> &Section<keys::Keys> {
        &self.keys
    }

    /// Settings.
    #[must_use]
    pub const fn settings(&self) -> &Section<settings::Settings> {
        &self.settings
    }
}

impl Machine for Meta {
    type Effect = Effect;

    const FAMILIES: &'static [u16] = &[FAMILY];

    fn agreed(&self) -> Option<&Agreed> {
        Some(self.cluster.agreed())
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Applied<Effect>, CommandError> {
        dispatch(COMMANDS, context, self, command)
    }

    fn save(&self) -> Vec<Vec<u8>> {
        saved::save(self)
    }

    fn load(pieces: &[Vec<u8>]) -> Result<Self, LoadError> {
        saved::load(pieces)
    }
}
