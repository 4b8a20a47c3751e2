//! Figures of the groups, once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::metrics::{GroupSeries, Meter};
use atp_consensus::group::{Role, Status};
use atp_consensus::groups::Groups;
use atp_protocol::cluster::{GroupId, NodeId};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

struct Figures {
    series: GroupSeries,
    leader: Option<NodeId>,
}

/// Tells how each group is; ends with the task.
pub(super) async fn keep(groups: Groups, meter: Arc<Meter>) {
    let mut figures: BTreeMap<GroupId, Figures> = BTreeMap::new();
    loop {
        for status in groups.statuses() {
            let known = figures.entry(status.group).or_insert_with(|| Figures {
                series: meter.group(&status.group.to_string()),
                leader: None,
            });
            known.tell(&status);
        }
        tokio::time::sleep(EVERY).await;
    }
}

impl Figures {
    fn tell(&mut self, status: &Status) {
        let one_if = |is: bool| f64::from(u8::from(is));
        let index = |index: u64| index as f64;
        let series = &self.series;
        series.leads.set(one_if(status.role == Role::Leader));
        series.has_leader.set(one_if(status.leader.is_some()));
        series.term.set(index(status.term));
        series.applied.set(index(status.applied));
        series
            .behind
            .set(index(status.last_log.saturating_sub(status.applied)));
        series.snapshot.set(index(status.snapshot));
        if status.leader.is_some() && self.leader != status.leader {
            // The first one that is heard of after a start is no change.
            series.changes.increment(u64::from(self.leader.is_some()));
            self.leader = status.leader;
        }
    }
}
