//! What this node says of itself to other members.

use std::collections::BTreeMap;

use atp_protocol::cluster::NodeId;

use super::Cluster;
use crate::gossip::{Facts, Lane};
use crate::link::{LaneStatus, Standing};

impl Cluster {
    /// How this node is.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let own = self.operating.own();
        let statuses = self.groups.statuses();
        let leaderless = statuses.iter().filter(|group| group.leader.is_none());
        let lanes = self.link.iter().flat_map(|link| link.status());
        Facts {
            is_draining: own.is_draining || self.operating.is_leaving(),
            applied: self.meta.applied(),
            leaderless: leaderless.map(|group| group.group).collect(),
            certificate_days_left: self.link.as_ref().map(|link| link.certificate_days_left()),
            lanes: worst(lanes),
            ..own
        }
    }
}

/// One for each lane to each member, of which every thread may dial its own: the worst.
fn worst(lanes: impl Iterator<Item = LaneStatus>) -> Vec<Lane> {
    let mut worst: BTreeMap<(NodeId, String), Lane> = BTreeMap::new();
    for lane in lanes.map(lane) {
        let name = (lane.to, lane.lane.clone());
        let is_worse = |known: &Lane| (!lane.is_up, lane.rtt_us) > (!known.is_up, known.rtt_us);
        if worst.get(&name).is_none_or(is_worse) {
            worst.insert(name, lane);
        }
    }
    worst.into_values().collect()
}

fn lane(status: LaneStatus) -> Lane {
    let (is_up, rtt, trouble) = match status.standing {
        Standing::Up { rtt, .. } => (true, rtt, None),
        Standing::Down { why } => (false, None, why),
    };
    Lane {
        to: status.member,
        lane: status.lane.name().to_owned(),
        is_up,
        rtt_us: rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        trouble,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use atp_protocol::link;
    use atp_protocol::units::Millis;

    use super::*;

    #[test]
    fn of_a_lane_that_every_thread_dials_the_worst_is_told() {
        let node = NodeId::new(2).unwrap();
        let up = |ms: u64| Standing::Up {
            since: Millis(0),
            rtt: Some(Duration::from_millis(ms)),
            in_flight: 0,
        };
        let down = || Standing::Down {
            why: Some("refused".to_owned()),
        };
        let told = |standings: Vec<Standing>| {
            let statuses = standings.into_iter().map(|standing| LaneStatus {
                member: node,
                lane: link::Lane::Requests,
                standing,
            });
            let lanes = worst(statuses);
            assert_eq!(lanes.len(), 1);
            (lanes[0].is_up, lanes[0].rtt_us, lanes[0].trouble.clone())
        };
        assert_eq!(told(vec![up(1), up(3), up(2)]), (true, Some(3_000), None));
        let refused = (false, None, Some("refused".to_owned()));
        assert_eq!(told(vec![up(1), down(), up(2)]), refused);
        assert_eq!(told(vec![down(), up(2)]), refused);
    }
}
