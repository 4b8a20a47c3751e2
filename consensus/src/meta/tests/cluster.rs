use atp_protocol::cluster::GroupId;

use super::*;
use crate::meta::cluster::*;

#[test]
fn a_cluster_is_made_once() {
    let mut log = Log::<Meta>::new();
    assert_eq!(log.propose(&init()), InitClusterReply::Made);
    assert_eq!(log.propose(&init()), InitClusterReply::Made, "a repeat");
    let mut other = init();
    other.identity.journals = 16;
    assert_eq!(log.propose(&other), InitClusterReply::Other(init().identity));
    other.identity.journals = 0;
    assert_eq!(log.propose(&other), InitClusterReply::OutOfBounds);
    assert_eq!(log.machine.cluster().identity(), Some(&init().identity));
}

#[test]
fn what_a_node_by_itself_has_made_becomes_a_cluster_of_as_many_journals() {
    let mut log = Log::<Meta>::new();
    let mut alone = init();
    ALONE.clone_into(&mut alone.identity.id);
    assert_eq!(log.propose(&alone), InitClusterReply::Made);
    let mut wider = init();
    wider.identity.journals += 1;
    assert_eq!(
        log.propose(&wider),
        InitClusterReply::Other(alone.identity.clone())
    );
    assert_eq!(log.propose(&init()), InitClusterReply::Made);
    assert_eq!(log.machine.cluster().identity(), Some(&init().identity));
    assert_eq!(
        log.propose(&alone),
        InitClusterReply::Other(init().identity),
        "there is no way back"
    );
}

#[test]
fn a_removed_members_number_is_never_used_again() {
    let mut log = three();
    let remove = RemoveMember { node: node(2) };
    let (reply, effects) = log.observe(&remove);
    assert_eq!(
        (reply, effects),
        (RemoveMemberReply::Removed, vec![Effect::MembersChanged])
    );
    let (reply, effects) = log.observe(&remove);
    assert_eq!((reply, effects), (RemoveMemberReply::Removed, vec![]));
    assert_eq!(log.propose(&member(2, 1)), PutMemberReply::NumberUsed);
    assert_eq!(
        log.propose(&RemoveMember { node: node(9) }),
        RemoveMemberReply::Unknown
    );
    log.propose(&RemoveMember { node: node(3) });
    assert_eq!(
        log.propose(&RemoveMember { node: node(1) }),
        RemoveMemberReply::Last
    );
}

#[test]
fn with_a_member_go_its_adapters_and_its_places() {
    let mut log = three();
    log.propose(&adapter("here", Some(2), 1));
    log.propose(&adapter("there", Some(3), 1));
    log.propose(&adapter("anywhere", None, 1));
    let place = |group, leader| SetPlacement {
        group: GroupId(group),
        leader: Some(node(leader)),
    };
    assert_eq!(log.propose(&place(1, 2)), SetPlacementReply::Set);
    assert_eq!(log.propose(&place(2, 3)), SetPlacementReply::Set);
    let (_, effects) = log.observe(&RemoveMember { node: node(2) });
    assert_eq!(
        effects,
        [
            Effect::MembersChanged,
            Effect::PlacementChanged,
            Effect::AdaptersChanged
        ]
    );
    let left: Vec<&str> = log
        .machine
        .adapters()
        .iter()
        .map(|(name, _)| name.id.as_str())
        .collect();
    assert_eq!(left, ["anywhere", "there"]);
    let cluster = log.machine.cluster();
    assert_eq!(cluster.preferred_leader(GroupId(1)), None);
    assert_eq!(cluster.preferred_leader(GroupId(2)), Some(node(3)));
}

#[test]
fn a_placement_names_a_group_and_a_member_that_takes_work() {
    let mut log = three();
    let place = |group, leader: Option<u16>| SetPlacement {
        group: GroupId(group),
        leader: leader.map(node),
    };
    assert_eq!(log.propose(&place(9, Some(1))), SetPlacementReply::UnknownGroup);
    assert_eq!(log.propose(&place(8, Some(4))), SetPlacementReply::UnknownMember);
    let drain = |is_draining| SetDrain {
        node: node(1),
        is_draining,
    };
    assert_eq!(log.propose(&drain(true)), SetDrainReply::Set);
    assert_eq!(log.propose(&place(0, Some(1))), SetPlacementReply::Draining);
    log.propose(&member(1, 2));
    assert!(
        log.machine.cluster().member(node(1)).unwrap().is_draining,
        "a restart does not end a drain"
    );
    log.propose(&drain(false));
    assert_eq!(log.propose(&place(0, Some(1))), SetPlacementReply::Set);
    assert_eq!(log.propose(&place(0, None)), SetPlacementReply::Set);
    assert_eq!(log.machine.cluster().preferred_leader(GroupId::META), None);
}

#[test]
fn the_version_rises_once_every_member_reads_it_and_old_releases_stay_out() {
    let mut log = three();
    log.propose(&member(1, 2));
    log.propose(&member(3, 2));
    assert_eq!(log.machine.cluster().next_version(), None);
    assert_eq!(log.propose(&raise(2)), RaiseVersionReply::Behind(vec![node(2)]));
    log.propose(&member(2, 3));
    assert_eq!(log.machine.cluster().next_version(), Some(2));
    assert_eq!(log.propose(&raise(2)), RaiseVersionReply::Raised { version: 2 });
    assert_eq!(log.machine.cluster().next_version(), None);
    assert_eq!(log.machine.cluster().agreed().release, "0.2.0");
    assert_eq!(log.propose(&raise(1)), RaiseVersionReply::Raised { version: 2 });
    assert_eq!(log.propose(&member(1, 1)), PutMemberReply::TooOld { version: 2 });
    assert_eq!(log.propose(&member(4, 1)), PutMemberReply::TooOld { version: 2 });
}

#[test]
fn members_are_bounded() {
    let mut log = Log::<Meta>::new();
    for number in 1..=MEMBERS_MAX {
        let put = member(u16::try_from(number).unwrap(), 1);
        assert_eq!(log.propose(&put), PutMemberReply::Put);
    }
    assert_eq!(log.propose(&member(1_000, 1)), PutMemberReply::TooMany);
    assert_eq!(
        log.propose(&member(1, 2)),
        PutMemberReply::Put,
        "one that is there may move"
    );
    let long = PutMember {
        name: "x".repeat(NAME_MAX + 1),
        ..member(1, 1)
    };
    assert_eq!(log.propose(&long), PutMemberReply::TooLong);
}
