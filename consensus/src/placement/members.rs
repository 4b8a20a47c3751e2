//! Who should be a member of a group.

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::cluster::NodeId;

use crate::group::{MemberStatus, Status};

/// What the leader of a group does next to its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Begins to send the log to a member of the cluster.
    AddLearner {
        /// Which.
        node: NodeId,
        /// Where its link listens.
        address: String,
    },
    /// Says anew where a member is.
    Readdress {
        /// Which.
        node: NodeId,
        /// Where its link listens.
        address: String,
    },
    /// Gives votes to exactly these.
    ChangeVoters(BTreeSet<NodeId>),
    /// Hands leadership over, as the leader itself is to leave.
    Transfer(NodeId),
    /// Ends sending the log to who is no member of the cluster any more.
    RemoveLearner(NodeId),
}

/// The next step from the members that a group has towards those that it should have, all with a vote; `None` when there is nothing to
/// do, or not yet.
///
/// `desired`: the members of the cluster with the addresses of their links. `status`: of the group at its leader. `lag`: how many entries a
/// learner may be behind when it is given a vote.
///
/// One member at a time, and first those that come: so the group never has fewer voters than it had or should have, and a
/// quorum of it is never asked of members that have not caught up. The last voter is never taken away.
#[must_use]
pub fn next_step(desired: &BTreeMap<NodeId, String>, status: &Status, lag: u64) -> Option<Step> {
    let voters: BTreeSet<NodeId> = status
        .members
        .iter()
        .filter(|member| member.voter)
        .map(|member| member.node)
        .collect();
    if status.changing {
        return finish(desired, voters);
    }
    let absent = desired
        .iter()
        .find(|(node, _)| status.members.iter().all(|member| member.node != **node));
    if let Some((node, address)) = absent {
        return Some(Step::AddLearner {
            node: *node,
            address: address.clone(),
        });
    }
    let moved = status.members.iter().find_map(|member| {
        let address = desired.get(&member.node)?;
        (*address != member.address).then(|| (member.node, address.clone()))
    });
    if let Some((node, address)) = moved {
        return Some(Step::Readdress { node, address });
    }
    let caught_up = |member: &&MemberStatus| {
        member
            .matched
            .is_some_and(|matched| matched.saturating_add(lag) >= status.last_log)
    };
    let learners = || status.members.iter().filter(|member| !member.voter);
    if let Some(coming) = learners()
        .filter(|learner| desired.contains_key(&learner.node))
        .find(caught_up)
    {
        let mut voters = voters;
        voters.insert(coming.node);
        return Some(Step::ChangeVoters(voters));
    }
    if let Some(gone) = learners().find(|learner| !desired.contains_key(&learner.node)) {
        return Some(Step::RemoveLearner(gone.node));
    }
    // Who comes comes first.
    if learners().next().is_some() {
        return None;
    }
    leave(desired, status, &voters)
}

/// Ends a change that another leader left in the middle.
fn finish(desired: &BTreeMap<NodeId, String>, voters: BTreeSet<NodeId>) -> Option<Step> {
    let staying: BTreeSet<NodeId> = voters
        .iter()
        .copied()
        .filter(|voter| desired.contains_key(voter))
        .collect();
    Some(Step::ChangeVoters(if staying.is_empty() {
        voters
    } else {
        staying
    }))
}

/// Takes the vote of one that is to leave; the leader's last, and when another leads.
fn leave(desired: &BTreeMap<NodeId, String>, status: &Status, voters: &BTreeSet<NodeId>) -> Option<Step> {
    let (staying, leaving): (Vec<NodeId>, Vec<NodeId>) = voters
        .iter()
        .copied()
        .partition(|voter| desired.contains_key(voter));
    let to = *staying.first()?;
    let leader = status.leader?;
    match leaving.iter().find(|voter| **voter != leader) {
        Some(gone) => {
            let mut voters = voters.clone();
            voters.remove(gone);
            Some(Step::ChangeVoters(voters))
        }
        None if leaving.is_empty() => None,
        None => {
            let matched = |node: NodeId| {
                let member = status.members.iter().find(|member| member.node == node);
                member.and_then(|member| member.matched)
            };
            let best = staying.iter().copied().max_by_key(|node| matched(*node));
            Some(Step::Transfer(best.unwrap_or(to)))
        }
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::cluster::GroupId;

    use super::*;
    use crate::group::Role;

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn desired(numbers: &[u16]) -> BTreeMap<NodeId, String> {
        numbers
            .iter()
            .map(|number| (node(*number), format!("node-{number}")))
            .collect()
    }

    /// `members`: number, whether it votes, how far it is. The first leads.
    fn status(members: &[(u16, bool, u64)]) -> Status {
        Status {
            group: GroupId(1),
            role: Role::Leader,
            leader: Some(node(members[0].0)),
            term: 1,
            last_log: 1_000,
            applied: 1_000,
            snapshot: 0,
            purged: 0,
            members: members
                .iter()
                .map(|(number, voter, matched)| MemberStatus {
                    node: node(*number),
                    address: format!("node-{number}"),
                    voter: *voter,
                    matched: Some(*matched),
                })
                .collect(),
            changing: false,
            quorum_age_ms: Some(0),
            fault: None,
        }
    }

    fn voters(numbers: &[u16]) -> Option<Step> {
        Some(Step::ChangeVoters(numbers.iter().copied().map(node).collect()))
    }

    #[test]
    fn who_comes_learns_first_and_votes_when_it_has_caught_up() {
        let one = [(1, true, 1_000)];
        assert_eq!(
            next_step(&desired(&[1, 2]), &status(&one), 10),
            Some(Step::AddLearner {
                node: node(2),
                address: "node-2".to_owned()
            })
        );
        let behind = [(1, true, 1_000), (2, false, 900)];
        assert_eq!(next_step(&desired(&[1, 2]), &status(&behind), 10), None);
        let near = [(1, true, 1_000), (2, false, 995)];
        assert_eq!(next_step(&desired(&[1, 2]), &status(&near), 10), voters(&[1, 2]));
    }

    #[test]
    fn who_listens_elsewhere_is_known_there_before_anything_else_is_done() {
        let all = status(&[(1, true, 1_000), (2, true, 1_000), (3, false, 1_000)]);
        let mut moved = desired(&[1, 2, 3]);
        moved.insert(node(2), "elsewhere".to_owned());
        let step = Step::Readdress {
            node: node(2),
            address: "elsewhere".to_owned(),
        };
        assert_eq!(next_step(&moved, &all, 10), Some(step));
        moved.remove(&node(2));
        assert_eq!(
            next_step(&moved, &all, 10),
            voters(&[1, 2, 3]),
            "who leaves is looked for no more"
        );
    }

    #[test]
    fn who_leaves_goes_after_who_comes() {
        let coming = [(1, true, 1_000), (2, true, 1_000), (3, false, 1)];
        assert_eq!(next_step(&desired(&[1, 3]), &status(&coming), 10), None);
        let come = [(1, true, 1_000), (2, true, 1_000), (3, true, 1_000)];
        assert_eq!(next_step(&desired(&[1, 3]), &status(&come), 10), voters(&[1, 3]));
    }

    #[test]
    fn a_leader_that_leaves_hands_over_to_who_is_furthest() {
        let all = [(1, true, 1_000), (2, true, 990), (3, true, 1_000)];
        assert_eq!(
            next_step(&desired(&[2, 3]), &status(&all), 10),
            Some(Step::Transfer(node(3)))
        );
    }

    #[test]
    fn the_last_voter_stays_and_strange_learners_go() {
        assert_eq!(next_step(&desired(&[]), &status(&[(1, true, 1_000)]), 10), None);
        let strange = [(1, true, 1_000), (9, false, 0)];
        assert_eq!(
            next_step(&desired(&[1]), &status(&strange), 10),
            Some(Step::RemoveLearner(node(9)))
        );
    }

    #[test]
    fn a_change_left_in_the_middle_is_finished_first() {
        let mut middle = status(&[(1, true, 1_000), (2, true, 1_000), (3, true, 5)]);
        middle.changing = true;
        assert_eq!(next_step(&desired(&[1, 3, 4]), &middle, 10), voters(&[1, 3]));
    }
}
