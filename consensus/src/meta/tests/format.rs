use super::samples::each;
use super::*;
use crate::command::{CommandError, open};
use crate::harness::golden;
use crate::machine::LoadError;
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
    let commands = each();
    let pieces = full().machine.save();
    let name = |bytes: &Vec<u8>| open(bytes).unwrap().0.to_string();
    let samples = commands.iter().map(|bytes| (name(bytes), bytes.as_slice()));
    let snapshot = pieces
        .iter()
        .map(|piece| ("snapshot".to_owned(), piece.as_slice()));
    let text = golden(samples.chain(snapshot));
    assert!(text == include_str!("format-1.txt"), "{text}");
    let mut log = three();
    commands.iter().for_each(|bytes| {
        log.apply(bytes).unwrap();
    });
    assert_eq!(full().reloaded(), full());
}

#[test]
fn the_table_has_every_command_once() {
    let tags: Vec<Tag> = each().iter().map(|bytes| open(bytes).unwrap().0).collect();
    assert_eq!(tags.len(), COMMANDS.len());
    assert!(tags.is_sorted() && tags.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn what_a_later_release_wrote_is_not_skipped() {
    let mut log = three();
    let before = log.machine.clone();
    let mut later = each().swap_remove(0);
    later[4] = 9;
    assert!(matches!(log.apply(&later), Err(CommandError::Unknown(tag)) if tag.schema == 9));
    assert_eq!(log.machine, before);
    let mut pieces = log.machine.save();
    pieces[0][0] = 2;
    assert!(matches!(
        Meta::load(&pieces),
        Err(LoadError::Format { found: 2, known: 1 })
    ));
    let mut writer = crate::pieces::Writer::new(1);
    writer.put(250, &());
    assert!(matches!(
        Meta::load(&writer.finish()),
        Err(LoadError::Malformed(_))
    ));
}
