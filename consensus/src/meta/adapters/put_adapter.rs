//! Registers an adapter, or says anew what it can do.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{Adapter, Name, SPEC_MAX};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// Of two registrations of one adapter the one with the higher incarnation counts, in whichever order they arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAdapter {
    /// The adapter, and where it is.
    pub name: Name,
    /// What is known of it.
    pub adapter: Adapter,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutAdapterReply {
    /// It is registered so.
    Put,
    /// It registered otherwise with this incarnation or a later one. Register with a higher one, or leave.
    Superseded {
        /// The incarnation known.
        incarnation: u64,
    },
    /// The member named is none.
    UnknownMember,
    /// What it says of itself is over [`SPEC_MAX`].
    TooLong,
    /// As much as is kept of adapters (`ADAPTERS_MAX`, `SPECS_MAX`). Remove some first.
    TooMany,
}

impl Body for PutAdapter {
    const TAG: Tag = tag(32);
    type Reply = PutAdapterReply;
}

impl Handler<Meta, Effect> for PutAdapter {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> PutAdapterReply {
        let Self { name, adapter } = self;
        if adapter.spec.len() > SPEC_MAX {
            return PutAdapterReply::TooLong;
        }
        if name.node.is_some_and(|node| meta.cluster.member(node).is_none()) {
            return PutAdapterReply::UnknownMember;
        }
        if let Some(known) = meta.adapters.get(&name) {
            let superseded = PutAdapterReply::Superseded {
                incarnation: known.incarnation,
            };
            match adapter.incarnation.cmp(&known.incarnation) {
                Ordering::Equal if *known == adapter => return PutAdapterReply::Put,
                Ordering::Less | Ordering::Equal => return superseded,
                Ordering::Greater => {}
            }
        }
        if !meta.adapters.has_room_for(&name, adapter.spec.len()) {
            return PutAdapterReply::TooMany;
        }
        meta.adapters.change(context.index).insert(name, adapter);
        effects.push(Effect::AdaptersChanged);
        PutAdapterReply::Put
    }
}
