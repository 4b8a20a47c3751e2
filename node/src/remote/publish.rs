//! Tells the cluster what is attached to this node.
//!
//! By comparison: what the registry has against what the cluster keeps of this node, whenever either changes. So rows that an
//! earlier run left behind go with the first round, and nothing is proposed that is known already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use atp_actors::registry::AdapterSpec;
use atp_consensus::meta::adapters::{Adapter, Name, PutAdapter, PutAdapterReply, RemoveAdapter, SPEC_MAX};
use atp_protocol::error::{Code, Fault};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::v1::Place;
use crate::cluster::propose;
use crate::meta::Meta;

/// Changes within this time are told together; it also bounds how often a flapping agent is proposed.
const COALESCE: Duration = Duration::from_millis(200);

/// After a refusal, or while there is no quorum.
const AGAIN: Duration = Duration::from_secs(2);

/// Keeps the cluster informed until the node stops.
pub(crate) async fn publish(meta: Arc<Meta>, mut members: watch::Receiver<u64>) {
    let mut here = meta.registry.changes();
    let mut untold = BTreeSet::new();
    loop {
        here.mark_unchanged();
        members.mark_unchanged();
        let told = tell(&meta, &mut untold).await;
        if let Err(fault) = &told {
            debug!(%fault, "the cluster does not know all adapters of this node yet");
        }
        let again = async {
            match told {
                Ok(()) => std::future::pending().await,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        };
        tokio::select! {
            biased;
            changed = here.changed() => if changed.is_err() { return },
            changed = members.changed() => if changed.is_err() { return },
            () = again => {}
        }
        tokio::time::sleep(COALESCE).await;
    }
}

/// Proposes every difference. `untold`: what was warned about.
async fn tell(meta: &Meta, untold: &mut BTreeSet<Name>) -> Result<(), Fault> {
    if !meta.status().caught_up {
        // What an earlier run left is not known yet.
        return Err(Fault::new(Code::Draining, "the node has not caught up"));
    }
    let attached = attached(meta).await?;
    let node = meta.cluster.node();
    let known: BTreeMap<Name, Adapter> = meta.cluster.meta.read(|meta| {
        let rows = meta.adapters().iter();
        let own = rows.filter(|(name, _)| name.node == Some(node));
        own.map(|(name, adapter)| (name.clone(), adapter.clone()))
            .collect()
    });
    let group = &meta.cluster.meta;
    for (name, row) in &known {
        if !attached.contains_key(name) {
            let incarnation = row.incarnation;
            let name = name.clone();
            propose(group, &RemoveAdapter { name, incarnation }).await?;
        }
    }
    untold.retain(|name| attached.contains_key(name));
    for (name, spec) in attached {
        let row = known.get(&name);
        if spec.len() > SPEC_MAX {
            check(&name, &PutAdapterReply::TooLong, untold)?;
            continue;
        }
        if row.is_none_or(|row| row.spec != spec) {
            let incarnation = row.map_or(0, |row| row.incarnation) + 1;
            let adapter = Adapter { incarnation, spec };
            let put = PutAdapter { name, adapter };
            let reply = propose(group, &put).await?;
            check(&put.name, &reply, untold)?;
        }
    }
    Ok(())
}

/// What is attached here and may be given work, as rows.
async fn attached(meta: &Meta) -> Result<BTreeMap<Name, Vec<u8>>, Fault> {
    let node = meta.cluster.node();
    let row = |spec: &AdapterSpec| {
        let name = Name {
            id: spec.capability.adapter_id.clone(),
            owner: spec.owner.clone(),
            node: Some(node),
        };
        let place = serde_json::to_vec(&Place::from(spec)).expect("names, numbers and JSON");
        (name, place)
    };
    let specs = meta.registry.specs().await?;
    let own = specs.iter().filter(|(spec, is_compliant)| {
        let is_here = spec.attachment.elsewhere().is_none();
        is_here && *is_compliant
    });
    Ok(own.map(|(spec, _)| row(spec)).collect())
}

/// A refusal that stays one until something changes is told once, and the others are gone on with.
fn check(name: &Name, reply: &PutAdapterReply, untold: &mut BTreeSet<Name>) -> Result<(), Fault> {
    let why = match reply {
        PutAdapterReply::Put => {
            untold.remove(name);
            return Ok(());
        }
        PutAdapterReply::UnknownMember => {
            return Err(Fault::new(Code::Draining, "the node is no member yet"));
        }
        // Told by an earlier attempt whose reply was lost.
        PutAdapterReply::Superseded { .. } => {
            return Err(Fault::new(Code::Internal, "told by another attempt"));
        }
        PutAdapterReply::TooLong => format!("what it says of itself is over {SPEC_MAX} bytes; declare less"),
        PutAdapterReply::TooMany => "the cluster keeps no more of them; remove some".to_owned(),
    };
    if untold.insert(name.clone()) {
        warn!(adapter = %name.id, why, "an adapter is called from this node only");
    }
    Ok(())
}
