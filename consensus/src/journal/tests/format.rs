use super::decisions::append;
use super::requests::{begin, end};
use super::samples::{each, progress};
use super::*;
use crate::harness::{check_format, check_numbers, check_refuses_later};
use crate::journal::ledger::ReclaimNode;
use crate::journal::requests::End;

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
    log.propose(&progress("s", "x", epoch(&log, "s", "x"), 3));
    log.propose(&open("s", "y", Some("l")));
    log.propose(&finish("s", "y", epoch(&log, "s", "y"), b"final"));
    log.propose(&append(300, 1, &[b"allow"]));
    for (number, key) in [(1, "k"), (2, "l"), (3, "m")] {
        log.propose(&begin(1, number, key, 7));
    }
    log.propose(&end(1, 2, "l", End::Answered(b"that".to_vec())));
    log.propose(&end(1, 3, "m", End::Lost));
    log
}

#[test]
fn commands_and_snapshots_of_format_1_are_read_forever() {
    check_format(&each(), tree(), &full(), include_str!("format-1.txt"));
}

#[test]
fn the_table_has_every_command_once() {
    check_numbers(&each(), COMMANDS.len());
}

#[test]
fn a_snapshot_of_a_later_release_is_refused() {
    check_refuses_later(&full().machine);
}
