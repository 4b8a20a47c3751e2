use super::samples::each;
use super::*;
use crate::command::CommandError;
use crate::harness::{check_format, check_numbers, check_refuses_later};
use crate::meta::accounts::BeginDelete;
use crate::meta::cluster::RemoveMember;
use crate::meta::keys::RevokeKey;

/// A state with a row of each kind.
fn full() -> Log<Meta> {
    let mut log = three();
    log.propose(&RemoveMember { node: node(2) });
    log.propose(&account("root", None));
    log.propose(&account("going", Some("root")));
    log.propose(&BeginDelete {
        id: account_id("going"),
    });
    for id in ["k0", "k9"] {
        log.propose(&key(id, "root"));
    }
    log.propose(&RevokeKey { id: "k0".to_owned() });
    let kept = [3, 4, 5, 6, 7, 9, 13, 15];
    let commands = each();
    kept.iter().for_each(|&at| {
        log.apply(&commands[at]).unwrap();
    });
    log
}

#[test]
fn commands_and_snapshots_of_format_1_are_read_forever() {
    check_format(&each(), three(), &full(), include_str!("format-1.txt"));
}

#[test]
fn the_table_has_every_command_once() {
    check_numbers(&each(), COMMANDS.len());
}

#[test]
fn what_a_later_release_wrote_is_not_skipped() {
    let mut log = three();
    let before = log.machine.clone();
    let mut later = each().swap_remove(0);
    later[4] = 9;
    assert!(matches!(log.apply(&later), Err(CommandError::Unknown(tag)) if tag.schema == 9));
    assert_eq!(log.machine, before);
    check_refuses_later(&log.machine);
}
