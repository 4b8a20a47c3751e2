//! Who should lead which group.

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::cluster::{GroupId, NodeId};

/// A group that has a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// Which.
    pub group: GroupId,
    /// Who leads it.
    pub leader: NodeId,
    /// Who may.
    pub voters: BTreeSet<NodeId>,
}

/// Leadership that should be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Of which group.
    pub group: GroupId,
    /// By whom.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
}

/// The moves after which members lead as many groups as each other, to within one, as far as votes allow.
///
/// `groups`: those with a leader, each once, in any order; a group without one is not counted. `able`: the members that may lead: alive, not
/// leaving, caught up. A leader that is not among them hands over all of its groups. There are no more moves than needed, and the same
/// arguments give the same moves, so that every member can decide alone what it hands over.
#[must_use]
pub fn balance(groups: &[Led], able: &BTreeSet<NodeId>) -> Vec<Move> {
    let mut groups: Vec<Led> = groups.to_vec();
    groups.sort_by_key(|led| led.group);
    let mut load: BTreeMap<NodeId, usize> = able.iter().map(|node| (*node, 0)).collect();
    for led in &groups {
        if let Some(count) = load.get_mut(&led.leader) {
            *count += 1;
        }
    }
    let mut moves = Vec::new();
    for led in &mut groups {
        if able.contains(&led.leader) {
            continue;
        }
        if let Some(to) = lightest(&load, &led.voters) {
            hand_over(led, to, &mut load, &mut moves);
        }
    }
    // Each step makes the sum of squared loads smaller, so there is a last one.
    while let Some((at, to)) = best_step(&groups, &load) {
        hand_over(&mut groups[at], to, &mut load, &mut moves);
    }
    moves
}

/// The one of `voters` with the fewest groups, of several the lowest.
fn lightest(load: &BTreeMap<NodeId, usize>, voters: &BTreeSet<NodeId>) -> Option<NodeId> {
    load.iter()
        .filter(|(node, _)| voters.contains(node))
        .min_by_key(|(_, count)| **count)
        .map(|(node, _)| *node)
}

/// The group, by its place, whose move evens out most, and to whom.
fn best_step(groups: &[Led], load: &BTreeMap<NodeId, usize>) -> Option<(usize, NodeId)> {
    let gain = |led: &Led| {
        let from = *load.get(&led.leader)?;
        let to = lightest(load, &led.voters)?;
        let gain = from.checked_sub(load[&to])?;
        (gain >= 2).then_some((gain, to))
    };
    let mut best: Option<(usize, usize, NodeId)> = None;
    for (at, led) in groups.iter().enumerate() {
        if let Some((gain, to)) = gain(led)
            && best.is_none_or(|(most, _, _)| gain > most)
        {
            best = Some((gain, at, to));
        }
    }
    best.map(|(_, at, to)| (at, to))
}

fn hand_over(led: &mut Led, to: NodeId, load: &mut BTreeMap<NodeId, usize>, moves: &mut Vec<Move>) {
    if let Some(count) = load.get_mut(&led.leader) {
        *count -= 1;
    }
    *load.entry(to).or_default() += 1;
    moves.push(Move {
        group: led.group,
        from: led.leader,
        to,
    });
    led.leader = to;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn nodes(numbers: impl IntoIterator<Item = u16>) -> BTreeSet<NodeId> {
        numbers.into_iter().map(node).collect()
    }

    fn led(leaders: &[u16], voters: &BTreeSet<NodeId>) -> Vec<Led> {
        (0..)
            .zip(leaders)
            .map(|(group, leader)| Led {
                group: GroupId(group),
                leader: node(*leader),
                voters: voters.clone(),
            })
            .collect()
    }

    fn loads(groups: &[Led], moves: &[Move], able: &BTreeSet<NodeId>) -> Vec<usize> {
        let mut leaders: BTreeMap<GroupId, NodeId> =
            groups.iter().map(|led| (led.group, led.leader)).collect();
        for step in moves {
            assert_eq!(leaders.insert(step.group, step.to), Some(step.from));
        }
        able.iter()
            .map(|node| leaders.values().filter(|leader| *leader == node).count())
            .collect()
    }

    #[test]
    fn leadership_spreads_over_members_that_came() {
        let three = nodes(1..=3);
        let groups = led(&[1; 9], &three);
        let moves = balance(&groups, &three);
        assert_eq!(moves.len(), 6);
        assert_eq!(loads(&groups, &moves, &three), [3, 3, 3]);
    }

    #[test]
    fn what_is_even_stays() {
        let three = nodes(1..=3);
        assert!(balance(&led(&[1, 2, 3, 1, 2, 3, 1, 2], &three), &three).is_empty());
        assert!(balance(&led(&[1], &nodes([1])), &nodes([1])).is_empty());
    }

    #[test]
    fn a_member_that_leaves_hands_over_what_it_leads_and_nobody_else_anything() {
        let three = nodes(1..=3);
        let groups = led(&[1, 2, 3, 1, 2, 3], &three);
        let moves = balance(&groups, &nodes([1, 2]));
        assert!(moves.iter().all(|step| step.from == node(3)), "{moves:?}");
        assert_eq!(loads(&groups, &moves, &nodes([1, 2])), [3, 3]);
    }

    #[test]
    fn only_voters_are_given_a_group() {
        let groups = led(&[1; 4], &nodes([1, 2]));
        let moves = balance(&groups, &nodes(1..=3));
        assert_eq!(loads(&groups, &moves, &nodes(1..=3)), [2, 2, 0]);
    }

    proptest! {
        #[test]
        fn loads_end_within_one_of_each_other_without_needless_moves(
            leaders in proptest::collection::vec(1_u16..6, 1..20),
        ) {
            let all = nodes(1..=5);
            let groups = led(&leaders, &all);
            let moves = balance(&groups, &all);
            let before = loads(&groups, &[], &all);
            let after = loads(&groups, &moves, &all);
            let (least, most) = (after.iter().min().unwrap(), after.iter().max().unwrap());
            prop_assert!(most - least <= 1);
            let needed: usize = before.iter().zip(&after).map(|(before, after)| before.saturating_sub(*after)).sum();
            prop_assert_eq!(moves.len(), needed);
        }
    }
}
