//! What one of the journal groups agrees on (design section 3): command family 2.
//!
//! | Part | Holds |
//! |---|---|
//! | [`ledger`] | accounts of the trees whose root belongs here, and the leases members spend from |
//! | [`streams`] | streams of the sessions that belong here, and their finals |
//! | [`decisions`] | decision records, bound into a chain for each tenant |
//! | [`requests`] | requests under the idempotency keys that belong here |
//!
//! Each command is a file in the folder of its part, [`Tick`] lets time pass for all of them. What does not fit the state is
//! refused in the reply, and changes nothing; a command whose outcome is unknown may be proposed again.

pub mod decisions;
mod effect;
pub mod ledger;
pub mod requests;
mod restored;
mod saved;
pub mod streams;
mod tick;

#[cfg(test)]
mod tests;

pub use effect::Effect;
pub use tick::{Tick, TickReply};

use atp_protocol::units::UnixMillis;

use crate::command::{CommandError, Tag};
use crate::dispatch::{Entry, dispatch, entry};
use crate::machine::{Applied, Context, LoadError, Machine};

/// The family of its commands.
pub const FAMILY: u16 = 2;

/// Names a command in its first schema. Sixteen numbers are set apart for each part.
const fn tag(variant: u16) -> Tag {
    Tag::first(FAMILY, variant)
}

/// Every command of the family.
const COMMANDS: &[Entry<Journal, Effect>] = &[
    entry::<ledger::PutLimits, _, _>(),
    entry::<ledger::CloseAccount, _, _>(),
    entry::<ledger::GrantLease, _, _>(),
    entry::<ledger::TakeStatement, _, _>(),
    entry::<ledger::ReclaimNode, _, _>(),
    entry::<Tick, _, _>(),
    entry::<streams::OpenStream, _, _>(),
    entry::<streams::RecordProgress, _, _>(),
    entry::<streams::RotateToken, _, _>(),
    entry::<streams::ConsumeToken, _, _>(),
    entry::<streams::TakeOver, _, _>(),
    entry::<streams::FinishStream, _, _>(),
    entry::<streams::CloseStream, _, _>(),
    entry::<decisions::AppendDecisions, _, _>(),
    entry::<requests::BeginRequest, _, _>(),
    entry::<requests::EndRequest, _, _>(),
];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    home: ledger::Home,
    streams: streams::Streams,
    decisions: decisions::Decisions,
    requests: requests::Requests,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            home: ledger::Home::default(),
            streams: streams::Streams::default(),
            decisions: decisions::Decisions::default(),
            requests: requests::none(),
        }
    }
}

impl Journal {
    /// Accounts and leases.
    #[must_use]
    pub const fn home(&self) -> &ledger::Home {
        &self.home
    }

    /// Streams.
    #[must_use]
    pub const fn streams(&self) -> &streams::Streams {
        &self.streams
    }

    /// Requests under idempotency keys.
    #[must_use]
    pub const fn requests(&self) -> &requests::Requests {
        &self.requests
    }

    /// Whether anything can fall due, so that the group's clock is to be told the time. Idempotency keys live so long that
    /// only those count whose time is over at `now`.
    #[must_use]
    pub fn is_anything_pending(&self, now: UnixMillis) -> bool {
        self.home.next_lapse().is_some() || self.streams.iter().next().is_some() || self.requests.is_due(now)
    }

    /// Decision records.
    #[must_use]
    pub const fn decisions(&self) -> &decisions::Decisions {
        &self.decisions
    }
}

impl Machine for Journal {
    type Effect = Effect;

    const FAMILIES: &'static [u16] = &[FAMILY];

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
