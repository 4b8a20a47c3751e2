//! Registers here what is attached to other nodes.
//!
//! By comparison, like [`publish`](super::publish()). An adapter of the same name that is attached here goes first. Of several nodes that
//! have it, one that is reachable is called, the next after this one by number, so that callers spread. What only nodes have that
//! were not reachable for [`GRACE`] is unhealthy, as a provider that is down: it is known and not routed to. What nobody has any more
//! is taken out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::AdapterName;
use atp_actors::registry::AdapterSpec;
use atp_protocol::adapter::{Health, HealthStatus};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use atp_protocol::link::Lane;
use atp_protocol::units::Millis;
use tokio::sync::watch;
use tracing::warn;

use super::adapter::RemoteAdapter;
use super::lanes::{Lanes, Open};
use super::v1;
use crate::link::Link;
use crate::meta::Meta;

/// How long a node may be out of reach before its adapters get no more work: a connection that broke is back within a second.
const GRACE: Duration = Duration::from_secs(3);

/// How often it is looked who is reachable.
const LOOK: Duration = Duration::from_millis(500);

/// Where an adapter is to be called.
#[derive(PartialEq)]
struct Place {
    node: NodeId,
    is_there: bool,
    /// What it says of itself.
    row: Vec<u8>,
}

/// What was registered.
struct Registered {
    place: Place,
    spec: AdapterSpec,
}

/// Keeps the registry informed until the node stops.
pub(crate) async fn follow(
    meta: Arc<Meta>,
    link: Link,
    lanes: Arc<Lanes>,
    mut members: watch::Receiver<u64>,
) {
    let mut here = meta.registry.changes();
    let mut reach = Reach::default();
    let mut registered = BTreeMap::new();
    loop {
        here.mark_unchanged();
        members.mark_unchanged();
        let now = meta.now();
        reach.look(now, &meta, &link);
        let lanes: Arc<dyn Open> = lanes.clone();
        if bring_in_line(&meta, &reach, &lanes, &mut registered)
            .await
            .is_err()
        {
            // The node is stopping.
            return;
        }
        loop {
            tokio::select! {
                biased;
                changed = here.changed() => if changed.is_err() { return } else { break },
                changed = members.changed() => if changed.is_err() { return } else { break },
                () = tokio::time::sleep(LOOK) => if reach.look(meta.now(), &meta, &link) { break },
            }
        }
    }
}

async fn bring_in_line(
    meta: &Meta,
    reach: &Reach,
    lanes: &Arc<dyn Open>,
    registered: &mut BTreeMap<AdapterName, Registered>,
) -> Result<(), Fault> {
    let wanted = wanted(meta, reach);
    let specs = meta.registry.specs().await?;
    let have: BTreeMap<AdapterName, AdapterSpec> =
        specs.into_iter().map(|(spec, _)| (spec.name(), spec)).collect();
    // Someone else took the name, and may have left again.
    registered.retain(|name, ours| {
        have.get(name)
            .is_some_and(|spec| Arc::ptr_eq(&spec.factory, &ours.spec.factory))
    });
    let gone: Vec<AdapterName> = registered
        .keys()
        .filter(|name| !wanted.contains_key(name))
        .cloned()
        .collect();
    for name in gone {
        if let Some(ours) = registered.remove(&name) {
            meta.registry.retire(&ours.spec).await;
        }
    }
    for (name, place) in wanted {
        let is_here = have
            .get(&name)
            .is_some_and(|spec| spec.attachment.elsewhere().is_none());
        let ours = registered.get(&name);
        if is_here || ours.is_some_and(|ours| ours.place == place) {
            continue;
        }
        let ours = ours.filter(|ours| ours.place.node == place.node && ours.place.row == place.row);
        let spec = match ours {
            Some(ours) => ours.spec.clone(),
            None => match register(meta, &name, &place, lanes).await {
                Some(spec) => spec,
                None => continue,
            },
        };
        if ours.is_some() || !place.is_there {
            meta.registry.report(&spec, health(place.is_there));
        }
        registered.insert(name, Registered { place, spec });
    }
    Ok(())
}

/// Before the next poll says more.
const fn health(is_there: bool) -> Health {
    let status = match is_there {
        true => HealthStatus::Healthy,
        false => HealthStatus::Unhealthy,
    };
    Health {
        status,
        ..Health::HEALTHY
    }
}

async fn register(
    meta: &Meta,
    name: &AdapterName,
    place: &Place,
    lanes: &Arc<dyn Open>,
) -> Option<AdapterSpec> {
    let node = place.node;
    let spec = spec(name, place, lanes)?;
    match meta.registry.register(spec.clone()).await {
        Ok(()) => Some(spec),
        Err(fault) => {
            warn!(adapter = %name.id, %node, %fault, "an adapter of another node is not routed to from here");
            None
        }
    }
}

/// What this node should be able to call elsewhere, and where.
fn wanted(meta: &Meta, reach: &Reach) -> BTreeMap<AdapterName, Place> {
    let own = meta.cluster.node();
    let rows: Vec<(AdapterName, Place)> = meta.cluster.meta.read(|meta| {
        let rows = meta.adapters().iter();
        let elsewhere = rows.filter_map(|(name, row)| {
            let node = name.node.filter(|node| *node != own)?;
            let owner = name.owner.clone();
            let id = name.id.clone();
            let place = Place {
                node,
                is_there: reach.is_there(node),
                row: row.spec.clone(),
            };
            Some((AdapterName { owner, id }, place))
        });
        elsewhere.collect()
    });
    let rank = |place: &Place| (!place.is_there, place.node.get().wrapping_sub(own.get()));
    let mut wanted: BTreeMap<AdapterName, Place> = BTreeMap::new();
    for (name, place) in rows {
        if wanted.get(&name).is_none_or(|better| rank(&place) < rank(better)) {
            wanted.insert(name, place);
        }
    }
    wanted
}

fn spec(name: &AdapterName, place: &Place, lanes: &Arc<dyn Open>) -> Option<AdapterSpec> {
    let node = place.node;
    let told: v1::Place = match serde_json::from_slice(&place.row) {
        Ok(told) => told,
        Err(error) => {
            warn!(adapter = %name.id, %node, %error, "what another node says of an adapter cannot be read; is it of a later release?");
            return None;
        }
    };
    let capability = Arc::clone(told.capability());
    let adapter = RemoteAdapter::new(name.clone(), capability, node, Arc::clone(lanes));
    Some(told.spec(node, name.owner.clone(), Arc::new(adapter)))
}

/// Who is within reach, by when they were last seen.
#[derive(Default)]
struct Reach(BTreeMap<NodeId, (Millis, bool)>);

impl Reach {
    /// Looks at the link. Returns whether anything is otherwise than before.
    fn look(&mut self, now: Millis, meta: &Meta, link: &Link) -> bool {
        let members: Vec<NodeId> = meta.cluster.meta.read(|meta| {
            let members = meta.cluster().members();
            members.map(|(node, _)| node).collect()
        });
        let connected = members
            .iter()
            .map(|node| (*node, link.is_connected(*node, Lane::Control)));
        self.see(now, &connected.collect())
    }

    fn see(&mut self, now: Millis, members: &BTreeMap<NodeId, bool>) -> bool {
        let before: Vec<NodeId> = self.there().collect();
        self.0.retain(|node, _| members.contains_key(node));
        for (node, is_connected) in members {
            let entry = self.0.entry(*node).or_insert((now, false));
            match is_connected {
                true => *entry = (now, true),
                false if now.since(entry.0) >= GRACE.as_millis() as u64 => entry.1 = false,
                false => {}
            }
        }
        !self.there().eq(before)
    }

    fn there(&self) -> impl Iterator<Item = NodeId> {
        self.0
            .iter()
            .filter(|(_, (_, is_there))| *is_there)
            .map(|(node, _)| *node)
    }

    fn is_there(&self, node: NodeId) -> bool {
        self.0.get(&node).is_some_and(|(_, is_there)| *is_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_there_from_its_first_connection_until_it_was_missed_for_a_while() {
        let node = NodeId::new(2).unwrap();
        let mut reach = Reach::default();
        let see = |reach: &mut Reach, ms: u64, is_connected: bool| {
            let changed = reach.see(Millis(ms), &BTreeMap::from([(node, is_connected)]));
            (changed, reach.is_there(node))
        };
        assert_eq!(see(&mut reach, 0, false), (false, false));
        assert_eq!(see(&mut reach, 100, true), (true, true));
        assert_eq!(see(&mut reach, 3_099, false), (false, true));
        assert_eq!(see(&mut reach, 3_100, false), (true, false));
        assert_eq!(see(&mut reach, 3_200, true), (true, true));
        assert!(
            reach.see(Millis(3_300), &BTreeMap::new()),
            "it is no member any more"
        );
        assert!(!reach.is_there(node));
    }
}
