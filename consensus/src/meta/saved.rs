//! The state of the meta group as rows of a snapshot.

use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::ids::AccountId;
use serde::{Deserialize, Serialize};

use super::Meta;
use super::adapters::{Adapter, Name};
use super::cluster::{Identity, Member};
use super::keys::Key;
use super::policy::Document;
use crate::machine::LoadError;
use crate::pieces::{self, Row, Writer, malformed};
use crate::section::Section;
use crate::version::Agreed;

/// Version of the rows.
const FORMAT: u16 = 1;

/// What a row holds. Rows are written in this order.
mod kind {
    /// [`Generations`](super::Generations): first, as the sections it counts for follow.
    pub(super) const GENERATIONS: u8 = 1;
    /// The cluster's version, `u16`, and the release that brought it in, `String`.
    pub(super) const VERSION: u8 = 16;
    /// `Identity`.
    pub(super) const IDENTITY: u8 = 17;
    /// `(NodeId, Member)`.
    pub(super) const MEMBER: u8 = 18;
    /// `Vec<NodeId>`: members that are gone for good.
    pub(super) const REMOVED: u8 = 19;
    /// `(GroupId, NodeId)`.
    pub(super) const PLACEMENT: u8 = 20;
    /// `Document`, the oldest first.
    pub(super) const DOCUMENT: u8 = 32;
    /// `(Name, Adapter)`.
    pub(super) const ADAPTER: u8 = 48;
    /// A `routing::budget::Record` of the tree, parents first.
    pub(super) const ACCOUNT: u8 = 64;
    /// `AccountId` of one on its way out.
    pub(super) const DELETING: u8 = 65;
    /// `(String, Key)`.
    pub(super) const KEY: u8 = 80;
    /// `String`: id of a revoked key, the oldest first.
    pub(super) const REVOKED: u8 = 81;
    /// `(String, String)`.
    pub(super) const SETTING: u8 = 96;
}

#[derive(Default, Serialize, Deserialize)]
struct Generations {
    cluster: u64,
    policies: u64,
    adapters: u64,
    accounts: u64,
    keys: u64,
    settings: u64,
}

pub(super) fn save(meta: &Meta) -> Vec<Vec<u8>> {
    let mut out = Writer::new(FORMAT);
    out.put(
        kind::GENERATIONS,
        &Generations {
            cluster: meta.cluster.generation(),
            policies: meta.policies.generation(),
            adapters: meta.adapters.generation(),
            accounts: meta.accounts.generation(),
            keys: meta.keys.generation(),
            settings: meta.settings.generation(),
        },
    );
    save_cluster(meta, &mut out);
    let documents = &meta.policies.documents;
    documents
        .iter()
        .for_each(|document| out.put(kind::DOCUMENT, document));
    meta.adapters
        .adapters
        .iter()
        .for_each(|row| out.put(kind::ADAPTER, &row));
    for record in meta.accounts.tree.snapshot() {
        out.put_with(kind::ACCOUNT, |body| record.encode_into(body));
    }
    meta.accounts
        .deleting
        .iter()
        .for_each(|id| out.put(kind::DELETING, id));
    meta.keys.keys.iter().for_each(|row| out.put(kind::KEY, &row));
    meta.keys.revoked.iter().for_each(|id| out.put(kind::REVOKED, id));
    meta.settings
        .values
        .iter()
        .for_each(|row| out.put(kind::SETTING, &row));
    out.finish()
}

fn save_cluster(meta: &Meta, out: &mut Writer) {
    let cluster = &meta.cluster;
    out.put(kind::VERSION, &(cluster.agreed.version, &cluster.agreed.release));
    cluster
        .identity
        .iter()
        .for_each(|identity| out.put(kind::IDENTITY, identity));
    cluster.members.iter().for_each(|row| out.put(kind::MEMBER, &row));
    if !cluster.removed.is_empty() {
        out.put(kind::REMOVED, &cluster.removed);
    }
    cluster
        .placement
        .iter()
        .for_each(|row| out.put(kind::PLACEMENT, &row));
}

pub(super) fn load(pieces: &[Vec<u8>]) -> Result<Meta, LoadError> {
    let mut meta = Meta::default();
    let mut generations = Generations::default();
    pieces::read(FORMAT, pieces, |row| {
        match row.kind {
            kind::GENERATIONS => generations = row.value()?,
            _ => load_row(&mut meta, &generations, &row)?,
        }
        Ok(())
    })?;
    // A section that is empty again has no rows and still changed once.
    touch(&mut meta.cluster, generations.cluster);
    touch(&mut meta.policies, generations.policies);
    touch(&mut meta.adapters, generations.adapters);
    touch(&mut meta.accounts, generations.accounts);
    touch(&mut meta.keys, generations.keys);
    touch(&mut meta.settings, generations.settings);
    Ok(meta)
}

fn touch<T>(section: &mut Section<T>, generation: u64) {
    section.change(generation);
}

fn load_row(meta: &mut Meta, at: &Generations, row: &Row<'_>) -> Result<(), LoadError> {
    match row.kind {
        kind::VERSION..=kind::PLACEMENT => return load_cluster(meta, at, row),
        kind::DOCUMENT => {
            let document: Document = row.value()?;
            meta.policies.change(at.policies).documents.push_back(document);
        }
        kind::ADAPTER => {
            let (name, adapter): (Name, Adapter) = row.value()?;
            meta.adapters.change(at.adapters).insert(name, adapter);
        }
        kind::ACCOUNT => {
            let tree = &mut meta.accounts.change(at.accounts).tree;
            if !tree.apply(&row.record()?).had_effect {
                return Err(malformed("an account whose parent is not there"));
            }
        }
        kind::DELETING => {
            let id: AccountId = row.value()?;
            meta.accounts.change(at.accounts).deleting.insert(id);
        }
        kind::KEY => {
            let (id, key): (String, Key) = row.value()?;
            meta.keys.change(at.keys).insert(id, key);
        }
        kind::REVOKED => meta.keys.change(at.keys).remember_revoked(row.value()?),
        kind::SETTING => {
            let (key, value): (String, String) = row.value()?;
            meta.settings.change(at.settings).values.insert(key, value);
        }
        _ => return Err(row.unknown()),
    }
    Ok(())
}

fn load_cluster(meta: &mut Meta, at: &Generations, row: &Row<'_>) -> Result<(), LoadError> {
    let cluster = meta.cluster.change(at.cluster);
    match row.kind {
        kind::VERSION => {
            let (version, release) = row.value()?;
            cluster.agreed = Agreed { version, release };
        }
        kind::IDENTITY => cluster.identity = Some(row.value::<Identity>()?),
        kind::MEMBER => {
            let (node, member): (NodeId, Member) = row.value()?;
            cluster.members.insert(node, member);
        }
        kind::REMOVED => cluster.removed = row.value()?,
        kind::PLACEMENT => {
            let (group, node): (GroupId, NodeId) = row.value()?;
            cluster.placement.insert(group, node);
        }
        _ => return Err(row.unknown()),
    }
    Ok(())
}
