//! What a node keeps of what it spends, in order.

use atp_protocol::encoding;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::budget::home::LeaseState;
use crate::budget::{HoldId, Report};

/// One change of a [`Spender`](super::Spender).
///
/// A disk format: variants and fields are appended, never reordered; the golden sample in the tests keeps it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A lease of an account is going to be asked for.
    Opened {
        /// The account.
        account: AccountId,
        /// The lease.
        lease: HoldId,
    },
    /// What home has of a lease.
    Known {
        /// The account.
        account: AccountId,
        /// What home has.
        state: LeaseState,
    },
    /// A request took a hold.
    Held {
        /// The account.
        account: AccountId,
        /// The hold.
        id: HoldId,
        /// What is reserved.
        amount: Amount,
        /// From when on its outcome is taken for lost.
        expires_at: UnixMillis,
    },
    /// A live hold was topped up or lives longer.
    Extended {
        /// The account.
        account: AccountId,
        /// The hold.
        id: HoldId,
        /// What was added.
        by: Amount,
        /// Its expiry; an earlier one than it has is ignored.
        expires_at: UnixMillis,
    },
    /// A hold ended and its usage is to be reported.
    Settled {
        /// The account.
        account: AccountId,
        /// The hold.
        id: HoldId,
        /// What was used.
        actual: Amount,
        /// The part of `actual` that is a guess.
        unknown: Amount,
    },
    /// A hold ended and nothing was used.
    Released {
        /// The account.
        account: AccountId,
        /// The hold.
        id: HoldId,
    },
    /// A report was made, and is going to be sent until it is taken.
    Reported {
        /// The account.
        account: AccountId,
        /// What it says.
        report: Report,
    },
    /// The lease is over.
    Closed {
        /// The account.
        account: AccountId,
    },
    /// A lease when a snapshot was taken; its holds follow.
    Leased {
        /// The account.
        account: AccountId,
        /// The lease.
        lease: HoldId,
        /// What home had.
        known: LeaseState,
        /// What is to be said next, and the number of the last report made.
        pending: Report,
        /// The last report, if it was not taken.
        sent: Option<Report>,
        /// Ids of holds that ended, the oldest first.
        ended: Vec<HoldId>,
    },
}

/// Why bytes of a journal are not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a later release.
    #[error(
        "spending record of format {found}, this release reads {}; start a release that knows it",
        Record::FORMAT
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// No bytes at all.
    #[error("empty spending record")]
    Empty,
    /// Not the encoding of a record.
    #[error("malformed spending record")]
    Malformed(#[from] encoding::DecodeError),
}

impl Record {
    /// Version of the encoding, its first byte.
    pub const FORMAT: u8 = 1;

    /// The account it is about.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        match self {
            Self::Opened { account, .. }
            | Self::Known { account, .. }
            | Self::Held { account, .. }
            | Self::Extended { account, .. }
            | Self::Settled { account, .. }
            | Self::Released { account, .. }
            | Self::Reported { account, .. }
            | Self::Closed { account }
            | Self::Leased { account, .. } => account,
        }
    }

    /// Appends the encoded record to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(Self::FORMAT);
        encoding::encode_into(self, out)
            .expect("ids are short and lists bounded, so a record is far below the limit");
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
