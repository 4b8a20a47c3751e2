//! Makes the cluster, once. What a node by itself has made becomes a cluster when its node is given a certificate of one.

use serde::{Deserialize, Serialize};

use super::{Identity, JOURNALS_MAX, NAME_MAX};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};
use crate::version::Agreed;

/// The first command of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitCluster {
    /// What it is.
    pub identity: Identity,
    /// The highest schema of commands that its first member reads.
    pub version: u16,
    /// The release it runs.
    pub release: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitClusterReply {
    /// The cluster is what was asked for, since this command or an earlier one.
    Made,
    /// There is another already. Join it, or start with an empty data directory.
    Other(Identity),
    /// The identity is out of bounds ([`NAME_MAX`], [`JOURNALS_MAX`]).
    OutOfBounds,
}

impl Body for InitCluster {
    const TAG: Tag = tag(1);
    type Reply = InitClusterReply;
}

impl Handler<Meta, Effect> for InitCluster {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> InitClusterReply {
        let Self {
            identity,
            version,
            release,
        } = self;
        if identity.id.is_empty()
            || identity.id.len() > NAME_MAX
            || release.len() > NAME_MAX
            || !(1..=JOURNALS_MAX).contains(&identity.journals)
        {
            return InitClusterReply::OutOfBounds;
        }
        match &meta.cluster.identity {
            Some(known) if *known == identity => return InitClusterReply::Made,
            // It has agreed on all of it with nobody else.
            Some(known) if known.is_alone() && known.journals == identity.journals => {}
            Some(known) => return InitClusterReply::Other(known.clone()),
            None => {}
        }
        let cluster = meta.cluster.change(context.index);
        cluster.identity = Some(identity);
        if version > cluster.agreed.version {
            cluster.agreed = Agreed { version, release };
        }
        effects.push(Effect::MembersChanged);
        InitClusterReply::Made
    }
}
