//! Brings what was agreed on into force here.

use std::collections::BTreeSet;
use std::sync::Arc;

use atp_consensus::meta::keys::Key;
use tokio::sync::watch;
use tracing::{error, info};

use super::Meta;
use super::policy::in_force;
use crate::auth::{KeyRecord, KeyTable, MadeKey};

/// How much of what was agreed on is in force here, by the generations of its sections.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keys: u64,
    policy: u64,
    settings: u64,
}

impl Meta {
    /// Follows the group until it stops.
    pub(crate) async fn keep_up(self: Arc<Self>, mut changes: watch::Receiver<u64>) {
        loop {
            self.follow().await;
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Brings into force what this node has applied.
    pub(crate) async fn follow(&self) {
        let mut seen = self.seen.lock().await;
        self.follow_settings(&mut seen);
        self.follow_keys(&mut seen);
        self.follow_policy(&mut seen).await;
    }

    fn follow_settings(&self, seen: &mut Seen) {
        let (version, agreed) = self.agreed();
        if version == seen.settings {
            return;
        }
        seen.settings = version;
        match self.live.adopt(version, &agreed) {
            Ok(rate) => {
                let mut table = KeyTable::clone(&self.keys.load());
                if table.limit(rate) {
                    self.keys.store(Arc::new(table));
                }
                self.world.meter.settings_version(version);
                info!(version, "settings of the cluster in force");
            }
            Err(error) => error!(
                version,
                %error,
                "this node cannot go by what the cluster agreed on; what was before stays in force here"
            ),
        }
    }

    fn follow_keys(&self, seen: &mut Seen) {
        let changed = self.cluster.meta.read(|meta| {
            let keys = meta.keys();
            let all = || keys.iter().map(|(id, key)| made(id, key)).collect::<Vec<_>>();
            (keys.generation() != seen.keys).then(|| (keys.generation(), all()))
        });
        let Some((generation, agreed)) = changed else {
            return;
        };
        let mut table = KeyTable::clone(&self.keys.load());
        let ids: BTreeSet<&str> = agreed.iter().map(|made| made.key.id.as_str()).collect();
        let revoked: Vec<_> = table
            .made()
            .filter(|id| !ids.contains(id))
            .map(str::to_owned)
            .collect();
        let ended: Vec<_> = revoked.iter().filter_map(|id| table.remove(id)).collect();
        for made in &agreed {
            // Whoever is connected with a key that stays shares its access.
            if !table.has(&made.key.id) {
                table.insert(made);
            }
        }
        self.keys.store(Arc::new(table));
        for (_, access) in ended {
            access.revoke();
        }
        seen.keys = generation;
    }

    async fn follow_policy(&self, seen: &mut Seen) {
        let changed = self.cluster.meta.read(|meta| {
            let document = meta.policies().in_force()?;
            (document.version != seen.policy).then(|| (document.version, document.text.clone()))
        });
        let Some((version, text)) = changed else { return };
        match self.registry.load_policy(text, Some(in_force(version))).await {
            Ok(Ok(_)) => info!(version = in_force(version), "policy of the cluster in force"),
            // A later release accepted it.
            Ok(Err(problems)) => error!(
                version = in_force(version),
                problems = problems.len(),
                "this release does not accept the policy that the cluster agreed on; the one before stays in force here"
            ),
            // The node is stopping.
            Err(_) => return,
        }
        seen.policy = version;
    }
}

fn made(id: &str, key: &Key) -> MadeKey {
    MadeKey {
        key: KeyRecord {
            id: id.to_owned(),
            hash: key.hash,
            tenant: key.tenant.clone(),
            account: key.account.clone(),
            label: key.label.clone(),
            tier_max: key.tier_max,
        },
        may_declare_agents: key.may_declare_agents,
        made_at: key.made_at,
    }
}
