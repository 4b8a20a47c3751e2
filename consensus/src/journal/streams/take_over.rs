//! Makes a later leader the owner of a stream (atp.md 13.4).

use std::cmp::Ordering;

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::Binding;
use serde::{Deserialize, Serialize};

use super::Written;
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
    /// Its epoch, higher than that of the owner before.
    pub epoch: u64,
}

impl Body for TakeOver {
    const TAG: Tag = tag(36);
    type Reply = Written;
}

impl Handler<Journal, Effect> for TakeOver {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> Written {
        let Self { stream, owner, epoch } = self;
        let Some(known) = journal.streams.get(&stream) else {
            return Written::Unknown;
        };
        match epoch.cmp(&known.epoch) {
            Ordering::Equal if known.owner == owner => Written::Written,
            Ordering::Less | Ordering::Equal => Written::Fenced {
                owner: known.owner,
                epoch: known.epoch,
            },
            Ordering::Greater => {
                journal.streams.write(&stream, context.now(), |stream| {
                    stream.owner = owner;
                    stream.epoch = epoch;
                });
                Written::Written
            }
        }
    }
}
