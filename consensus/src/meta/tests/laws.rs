use proptest::prelude::*;

use super::samples::{any_command, each};
use super::*;
use crate::harness::{check_refuses, check_replicas};

/// What holds between the sections after every command.
fn check_laws(meta: &Meta) {
    for (id, key) in meta.keys().iter() {
        assert!(
            meta.accounts().get(&key.account).is_some(),
            "key {id} spends from nothing"
        );
        assert!(!meta.accounts().is_deleting(&key.account));
    }
    for (id, account) in meta.accounts().iter() {
        let spending = meta.keys().iter().filter(|(_, key)| key.account == *id).count();
        assert_eq!(usize::try_from(meta.keys().spending_from(id)).unwrap(), spending);
        if meta.accounts().is_deleting(id) {
            assert_eq!(account.children(), 0, "{id} is on its way out");
        }
    }
    for (node, member) in meta.cluster().members() {
        assert!(!meta.cluster().was_removed(node));
        assert!(member.reads >= meta.cluster().version());
    }
    for (name, _) in meta.adapters().iter() {
        assert!(
            name.node.is_none_or(|node| meta.cluster().member(node).is_some()),
            "adapter {name:?} is attached to nobody"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sections_agree_after_every_command(commands in prop::collection::vec(any_command(), 0..120)) {
        let mut log = three();
        for bytes in commands {
            log.apply(&bytes).unwrap();
            check_laws(&log.machine);
        }
    }

    #[test]
    fn members_that_saw_the_log_and_members_that_got_a_snapshot_agree(
        commands in prop::collection::vec(any_command(), 0..120),
        snapshot_at in 0..120_usize,
    ) {
        check_replicas::<Meta>(&commands, snapshot_at, 1);
    }

    #[test]
    fn bytes_that_are_no_command_change_nothing(
        at in 0..17_usize,
        cut in 0..40_usize,
        junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut log = three();
        let mut bytes = each().swap_remove(at);
        bytes.truncate(cut);
        bytes.extend(&junk);
        check_refuses(&mut log, &bytes);
        check_refuses(&mut log, &junk);
    }
}
