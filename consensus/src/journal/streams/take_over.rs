//! Makes a later leader the owner of a stream (atp.md 13.4).

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::Binding;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// From here on writes of the earlier owner are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    /// The stream.
    pub stream: Binding,
    /// Who runs it from here on.
    pub owner: NodeId,
    /// The epoch that it is taken over from: whoever saw an earlier one comes too late.
    pub from: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeOverReply {
    /// It is the new owner's.
    Taken {
        /// The epoch that it is written under, higher than any before.
        epoch: u64,
    },
    /// Another took it over first, or an earlier command of this owner did, whose reply was lost. Look at it again.
    Fenced {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// No such stream, or it was forgotten.
    Unknown,
}

impl Body for TakeOver {
    const TAG: Tag = tag(36);
    type Reply = TakeOverReply;
}

impl Handler<Journal, Effect> for TakeOver {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> TakeOverReply {
        let Some(known) = journal.streams.get(&self.stream) else {
            return TakeOverReply::Unknown;
        };
        if known.epoch != self.from {
            return TakeOverReply::Fenced {
                owner: known.owner,
                epoch: known.epoch,
            };
        }
        let epoch = context.index;
        journal.streams.write(&self.stream, context.now(), |stream| {
            stream.owner = self.owner;
            stream.epoch = epoch;
        });
        TakeOverReply::Taken { epoch }
    }
}
