use proptest::prelude::*;

use super::samples::{any_commands, each};
use super::*;
use crate::harness::{check_refuses, check_replicas};
use crate::journal::streams::{State, Streams};

/// What holds after every command.
fn check_laws(journal: &Journal) {
    let home = journal.home();
    assert!(
        home.ledger().is_consistent(),
        "settled + held ≤ limit, and held is what is leased"
    );
    let (mut leases, mut next) = (0, None);
    for (id, lease) in home.leases() {
        leases += 1;
        assert_eq!(home.ledger().hold(id).unwrap().account, lease.account);
        if !lease.has_lapsed {
            next = next.into_iter().chain([lease.good_until]).min();
        }
    }
    assert_eq!(home.ledger().live_holds(), leases);
    assert_eq!(home.next_lapse(), next);
    check_streams(journal.streams());
}

fn check_streams(streams: &Streams) {
    for (id, stream) in streams.iter() {
        let of_session = streams.of_session(&id.tenant, &id.session);
        assert_eq!(of_session.filter(|(found, _)| *found == id).count(), 1);
        let sessions = streams.sessions_of(&id.tenant, &id.stream);
        assert_eq!(sessions.filter(|found| **found == id.session).count(), 1);
        let (has_request, has_final) = (!stream.request.is_empty(), stream.outcome.is_some());
        match stream.state {
            State::Open => assert!(has_request && !has_final),
            State::Finished => assert!(!has_request && has_final),
            State::Closed => assert!(!has_request),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_law_of_the_ledger_holds_after_every_command(
        commands in any_commands(3_000),
    ) {
        let mut log = Log::new();
        for bytes in commands {
            log.pass_ms(3_000);
            log.apply(&bytes).unwrap();
            check_laws(&log.machine);
        }
    }

    #[test]
    fn members_that_saw_the_log_and_members_that_got_a_snapshot_agree(
        commands in any_commands(3_000),
        snapshot_at in 0..150_usize,
    ) {
        check_replicas::<Journal>(&commands, snapshot_at, 3_000);
    }

    #[test]
    fn bytes_that_are_no_command_change_nothing(
        at in any::<prop::sample::Index>(),
        cut in 0..60_usize,
        junk in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut log = tree();
        let mut samples = each();
        let mut bytes = samples.swap_remove(at.index(samples.len()));
        bytes.truncate(cut);
        bytes.extend(&junk);
        check_refuses(&mut log, &bytes);
        check_refuses(&mut log, &junk);
    }
}
