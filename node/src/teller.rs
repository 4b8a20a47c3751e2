//! What a node says of itself beside its groups and its link.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_actors::adapter::{AdapterName, Directory};
use atp_actors::session::Load;

use crate::adapters::{Origins, models_digest};
use crate::gossip::{Condition, Facts, Health};
use crate::meta::{Meta, Status};

/// Says how the node is, for members who listen. It keeps the node from ending no more than they do.
pub(crate) fn teller(
    meta: &Arc<Meta>,
    load: &Arc<Load>,
    origins: Arc<Origins>,
    streams_max: u32,
) -> impl Fn() -> Facts + Send + Sync + 'static {
    let (meta, load) = (Arc::downgrade(meta), Arc::clone(load));
    move || {
        let Some(meta) = meta.upgrade() else {
            return Facts::default();
        };
        let status = meta.status();
        let streams = u32::try_from(load.streams()).unwrap_or(u32::MAX);
        Facts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            health: health(&status),
            is_draining: status.draining,
            load: share(streams, streams_max),
            streams,
            policy_version: meta.registry.snapshots.policy().version,
            settings_version: meta.settings_version().1,
            adapters: conditions(&meta.registry.directory, &origins),
            ..Facts::default()
        }
    }
}

const fn health(status: &Status) -> Health {
    match (status.caught_up, status.is_ready()) {
        (false, _) => Health::Starting,
        (true, true) => Health::Ready,
        (true, false) => Health::Degraded,
    }
}

/// In thousandths.
fn share(streams: u32, streams_max: u32) -> u32 {
    let share = u64::from(streams) * 1_000 / u64::from(streams_max.max(1));
    u32::try_from(share).unwrap_or(u32::MAX)
}

fn conditions(directory: &Directory, origins: &Origins) -> BTreeMap<AdapterName, Condition> {
    let attached = directory.attached().into_iter();
    attached
        .map(|endpoint| {
            let name = endpoint.name.clone();
            let condition = Condition {
                health: endpoint.health.load().as_deref().copied(),
                // An agent of a tenant is not the one that is configured under the same name.
                origin: origins.get(&name.id).copied().filter(|_| name.owner.is_none()),
                models: models_digest(&endpoint.capability.load().models),
            };
            (name, condition)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_told_in_thousandths_and_beyond_what_runs_at_once() {
        assert_eq!(
            [0, 1, 50, 150].map(|streams| share(streams, 100)),
            [0, 10, 500, 1_500]
        );
        assert_eq!((share(u32::MAX, 1), share(3, 0)), (u32::MAX, 3_000));
    }
}
