//! What tenants have left and how fast they spend, told once a second by every node as its groups have it.

use std::time::Duration;

use atp_actors::environment::World;
use atp_actors::ledger::{Root, Tenants};
use atp_routing::budget::home::Share;
use atp_routing::budget::spender::Reach;

use crate::cluster::Cluster;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the gauges up to date; ends with the task. What other nodes have leased and not used counts as held.
pub(crate) async fn keep(cluster: Cluster, world: World) {
    let mut tenants = Tenants::default();
    tenants.begin(&world.meter.money, &roots(&cluster, &[]));
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(ledger) = cluster.ledger() else { continue };
        // Without it the node's own free leases count as held, too.
        let free = ledger.flush(Reach::Used).await.unwrap_or_default();
        tenants.publish(&world.meter.money, &roots(&cluster, &free), world.clock.unix());
    }
}

fn roots(cluster: &Cluster, free: &[Share]) -> Vec<Root> {
    let mut roots = Vec::new();
    for group in cluster.journals.iter() {
        group.read(|journal| {
            let ledger = journal.home().ledger();
            for (id, account) in ledger
                .accounts()
                .filter(|(_, account)| account.parent().is_none())
            {
                roots.push(Root {
                    id: id.clone(),
                    limits: account.limits(),
                    balance: ledger.balance_beside(id, free).unwrap_or_default(),
                });
            }
        });
    }
    roots
}
