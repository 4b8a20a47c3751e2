use super::decisions::append;
use super::samples::{each, progress};
use super::*;
use crate::command;
use crate::harness::golden;
use crate::journal::ledger::ReclaimNode;
use crate::machine::LoadError;

/// A state with a row of each kind.
fn full() -> Log<Journal> {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(50, 60)));
    log.propose(&say(1, "l", Some(spent(1, amount(5, 6))), false));
    log.propose(&ask(2, "m", "b", 1, amount(7, 8)));
    log.propose(&ReclaimNode { node: node(2) });
    log.propose(&OpenStream {
        token: Some(token(1)),
        ..open("s", "x", Some("k"))
    });
    log.propose(&progress("s", "x", 5, 3));
    log.propose(&open("s", "y", Some("l")));
    log.propose(&finish("s", "y", b"final"));
    log.propose(&append(300, 1, &[b"allow"]));
    log
}

#[test]
fn commands_and_snapshots_of_format_1_are_read_forever() {
    let commands = each();
    let pieces = full().machine.save();
    let name = |bytes: &Vec<u8>| command::open(bytes).unwrap().0.to_string();
    let samples = commands.iter().map(|bytes| (name(bytes), bytes.as_slice()));
    let snapshot = pieces
        .iter()
        .map(|piece| ("snapshot".to_owned(), piece.as_slice()));
    let text = golden(samples.chain(snapshot));
    assert!(text == include_str!("format-1.txt"), "{text}");
    let mut log = tree();
    commands.iter().for_each(|bytes| {
        log.apply(bytes).unwrap();
    });
    assert_eq!(full().reloaded(), full());
}

#[test]
fn the_table_has_every_command_once() {
    let tags: Vec<Tag> = each()
        .iter()
        .map(|bytes| command::open(bytes).unwrap().0)
        .collect();
    assert_eq!(tags.len(), COMMANDS.len());
    assert!(tags.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_snapshot_of_a_later_release_is_refused() {
    let mut pieces = full().machine.save();
    pieces[0][0] = 2;
    assert!(matches!(
        Journal::load(&pieces),
        Err(LoadError::Format { found: 2, known: 1 })
    ));
    let mut writer = crate::pieces::Writer::new(1);
    writer.put(250, &());
    assert!(matches!(
        Journal::load(&writer.finish()),
        Err(LoadError::Malformed(_))
    ));
}
