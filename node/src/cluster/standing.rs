//! How each member is, as it says itself when it is asked over the link.
//!
//! Asked, not gossiped: whoever waits for a policy, proves a link or hands leadership over must know what a member has and not what it
//! had some rounds ago, and there are few members to ask. What every request would have to know belongs to gossip.

use std::collections::BTreeMap;
use std::time::Duration;

use atp_protocol::cluster::{GroupId, NodeId};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::Cluster;
use super::orders::{Answer, Ask};
use crate::link::{LaneStatus, Standing as LaneStanding};

/// How long a member has to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// What a node beside its groups says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Its release; empty while it starts.
    pub version: String,
    /// What its clock shows, in milliseconds.
    pub unix_ms: u64,
    /// Requests can be served.
    pub is_ready: bool,
    /// It takes no new work.
    pub is_draining: bool,
    /// The policy it routes by.
    pub policy_version: u64,
    /// Streams it runs.
    pub streams: u64,
}

/// How a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Beside its groups.
    pub own: Own,
    /// It leads nothing any more, or hands over what it leads.
    pub is_leaving: bool,
    /// Up to which index it has applied `meta`.
    pub applied: u64,
    /// Groups without a leader that it knows of.
    pub leaderless: Vec<GroupId>,
    /// Whole days until its certificate ends; `None` for a node by itself.
    pub certificate_days_left: Option<u64>,
    /// Its lanes to the other members.
    pub lanes: Vec<Lane>,
}

/// A lane that a member dials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// To whom.
    pub to: NodeId,
    /// `control`, `requests` or `bulk`; one `requests` for each thread.
    pub lane: String,
    /// It stands.
    pub is_up: bool,
    /// There and back in microseconds, once that is known.
    pub rtt_us: Option<u64>,
    /// Why it does not stand, once an attempt has failed.
    pub trouble: Option<String>,
}

/// What a member answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// How it is.
    pub standing: Standing,
    /// By how much its clock is ahead of this node's, in milliseconds; exact to half the time the answer took.
    pub clock_ms: i64,
}

impl Cluster {
    /// How this node is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let statuses = self.groups.statuses();
        let leaderless = statuses.iter().filter(|group| group.leader.is_none());
        Standing {
            own: self.operating.own(),
            is_leaving: self.operating.is_leaving(),
            applied: self.meta.applied(),
            leaderless: leaderless.map(|group| group.group).collect(),
            certificate_days_left: self.link.as_ref().map(|link| link.certificate_days_left()),
            lanes: self
                .link
                .iter()
                .flat_map(|link| link.status())
                .map(lane)
                .collect(),
        }
    }

    /// How every member is that `meta` knows, or why it does not say; this node included.
    pub async fn standings(&self) -> BTreeMap<NodeId, Result<Heard, String>> {
        let members: Vec<NodeId> = self.meta.read(|meta| {
            let members = meta.cluster().members();
            members.map(|(node, _)| node).collect()
        });
        let asked = members
            .into_iter()
            .map(|node| async move { (node, self.hear(node).await) });
        join_all(asked).await.into_iter().collect()
    }

    async fn hear(&self, node: NodeId) -> Result<Heard, String> {
        let asked = self.operating.own().unix_ms;
        let answer = self.order(node, &Ask::Standing, ANSWER_MAX).await;
        let answered = self.operating.own().unix_ms;
        match answer {
            Ok(Answer::Standing(standing)) => Ok(Heard {
                clock_ms: ahead(standing.own.unix_ms, asked, answered),
                standing: *standing,
            }),
            Ok(other) => Err(format!("it answered something else: {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// By how much a clock that showed `theirs` is ahead of one that showed `asked` before and `answered` after.
fn ahead(theirs: u64, asked: u64, answered: u64) -> i64 {
    let ours = asked.midpoint(answered);
    let apart = i64::try_from(theirs.abs_diff(ours)).unwrap_or(i64::MAX);
    if theirs < ours { -apart } else { apart }
}

fn lane(status: LaneStatus) -> Lane {
    let (is_up, rtt, trouble) = match status.standing {
        LaneStanding::Up { rtt, .. } => (true, rtt, None),
        LaneStanding::Down { why } => (false, None, why),
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
    use super::ahead;

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_question() {
        assert_eq!(ahead(1_050, 1_000, 1_100), 0);
        assert_eq!(ahead(1_700, 1_000, 1_100), 650);
        assert_eq!(ahead(400, 1_000, 1_100), -650);
        assert_eq!(ahead(u64::MAX, 0, 0), i64::MAX);
    }
}
