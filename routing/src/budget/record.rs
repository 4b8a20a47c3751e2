//! What the journal holds: the changes of a ledger, in order.

use atp_protocol::adapter::UsageSource;
use atp_protocol::encoding;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{Hold, HoldId, Limits, Report};

/// One change of a [`Ledger`](super::Ledger).
///
/// A disk format: variants and fields are appended, never reordered; the golden sample in the tests keeps it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// An account was made, or its limits replaced.
    Account {
        /// The account.
        id: AccountId,
        /// What it is part of.
        parent: Option<AccountId>,
        /// Its limits.
        limits: Limits,
    },
    /// An account without holds and children was closed; what it spent stays counted above it.
    Closed {
        /// The account.
        id: AccountId,
    },
    /// Something was reserved.
    Held {
        /// The hold.
        id: HoldId,
        /// What it reserves.
        hold: Hold,
    },
    /// A live hold was topped up.
    Extended {
        /// The hold.
        id: HoldId,
        /// What was added.
        by: Amount,
        /// Calls added.
        calls: u32,
        /// Its expiry; an earlier one than it has is ignored.
        expires_at: UnixMillis,
    },
    /// The holder of a lease said what it spent and gives back; the hold lives on with the rest.
    Reported {
        /// The hold.
        id: HoldId,
        /// What was said.
        report: Report,
        /// When.
        at: UnixMillis,
    },
    /// A hold ended and its usage was charged.
    Settled {
        /// The hold.
        id: HoldId,
        /// What was used.
        actual: Amount,
        /// How that is known.
        source: UsageSource,
        /// When.
        at: UnixMillis,
    },
    /// A hold ended and nothing was charged.
    Released {
        /// The hold.
        id: HoldId,
    },
    /// What an account had spent when a snapshot was taken.
    Balance {
        /// The account.
        account: AccountId,
        /// Spent within the limit.
        settled: Amount,
        /// Spent beyond it.
        overrun: Amount,
        /// The part of `settled` that is a guess.
        unknown: Amount,
    },
    /// Ids of ended holds when a snapshot was taken, the oldest first.
    Ended {
        /// The ids.
        ids: Vec<HoldId>,
    },
    /// A hold ended and the usage of its calls was charged, which of some of them is a guess.
    SettledPartly {
        /// The hold.
        id: HoldId,
        /// What was used, as far as known and guessed.
        actual: Amount,
        /// The part of `actual` that is a guess.
        unknown: Amount,
        /// When.
        at: UnixMillis,
    },
    /// The holder of a lease that was charged as unknown said what it had spent.
    Explained {
        /// The account.
        account: AccountId,
        /// What of the guess is known for sure.
        known: Amount,
        /// What was spent beside it, and is charged in addition.
        beyond: Amount,
        /// When.
        at: UnixMillis,
    },
}

/// Why bytes of a journal are not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a later release.
    #[error(
        "ledger record of format {found}, this release reads {}; start a release that knows it",
        Record::FORMAT
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// No bytes at all.
    #[error("empty ledger record")]
    Empty,
    /// Not the encoding of a record.
    #[error("malformed ledger record")]
    Malformed(#[from] encoding::DecodeError),
}

impl Record {
    /// Version of the encoding, its first byte.
    pub const FORMAT: u8 = 1;

    /// Appends the encoded record to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(Self::FORMAT);
        encoding::encode_into(self, out)
            .expect("ids are short and lists chunked, so a record is far below the limit");
    }

    /// Reads a record that fills `bytes`.
    ///
    /// # Errors
    /// [`RecordError`]; the journal is then unusable from here on.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        match bytes.split_first() {
            None => Err(RecordError::Empty),
            Some((&Self::FORMAT, rest)) => Ok(encoding::decode(rest)?),
            Some((&found, _)) => Err(RecordError::Format { found }),
        }
    }
}
