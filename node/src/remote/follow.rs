//! Registers here what is attached to other nodes.
//!
//! By comparison, like [`publish`](super::publish()). An adapter of the same name that is attached here goes first. Of several nodes that
//! have it, [`choice`](super::choice) says which is called. What only nodes have that are not within [`reach`](super::reach) is unhealthy,
//! as a provider that is down: it is known and not routed to. What nobody has any more is taken out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::AdapterName;
use atp_actors::registry::AdapterSpec;
use atp_protocol::adapter::{Health, HealthStatus};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use tokio::sync::watch;
use tracing::warn;

use super::adapter::RemoteAdapter;
use super::choice::{Offer, choose};
use super::lanes::{Lanes, Open};
use super::reach::Reach;
use super::v1;
use crate::link::Link;
use crate::meta::Meta;

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
        reach.look(meta.now(), &meta.cluster, &link);
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
                () = tokio::time::sleep(LOOK) => if reach.look(meta.now(), &meta.cluster, &link) { break },
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
    let mut offers: BTreeMap<AdapterName, Vec<Offer<Vec<u8>>>> = BTreeMap::new();
    meta.cluster.meta.read(|meta| {
        for (name, row) in meta.adapters().iter() {
            let Some(node) = name.node.filter(|node| *node != own) else {
                continue;
            };
            let whose = AdapterName {
                owner: name.owner.clone(),
                id: name.id.clone(),
            };
            let offer = Offer {
                node,
                standing: reach.standing(node, &whose),
                what: row.spec.clone(),
            };
            offers.entry(whose).or_default().push(offer);
        }
    });
    let chosen = offers.into_iter().filter_map(|(name, offers)| {
        let offer = choose(own, offers)?;
        let place = Place {
            node: offer.node,
            is_there: offer.standing.is_there,
            row: offer.what,
        };
        Some((name, place))
    });
    chosen.collect()
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
