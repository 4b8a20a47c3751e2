use atp_routing::budget::home::{Acknowledged, LeaseState};
use atp_routing::budget::{AccountError, Balance};

use super::*;
use crate::journal::ledger::*;

fn state(reply: GrantLeaseReply) -> LeaseState {
    match reply {
        GrantLeaseReply::Granted(granted) => granted.state,
        other => panic!("{other:?}"),
    }
}

fn balance(log: &Log<Journal>, account: &str) -> Balance {
    log.machine
        .home()
        .ledger()
        .account(&account_id(account))
        .unwrap()
        .balance()
}

#[test]
fn a_grant_said_twice_leases_once() {
    let mut log = tree();
    let first = state(log.propose(&ask(1, "l", "a", 1, amount(50, 60))));
    assert_eq!(
        (first.asks, first.amount, first.calls),
        (1, amount(50, 60), 1 << 12)
    );
    assert_eq!(state(log.propose(&ask(1, "l", "a", 1, amount(50, 60)))), first);
    let second = state(log.propose(&ask(1, "l", "a", 2, amount(10, 0))));
    assert_eq!((second.asks, second.amount), (2, amount(60, 60)));
    assert_eq!(
        state(log.propose(&ask(1, "l", "a", 1, amount(50, 60)))),
        second,
        "a late repeat"
    );
    assert_eq!(balance(&log, "t").held, amount(60, 60));
}

#[test]
fn a_lease_belongs_to_one_member_and_one_account() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(50, 50)));
    assert_eq!(
        log.propose(&ask(2, "l", "a", 2, amount(1, 1))),
        GrantLeaseReply::Ended
    );
    assert_eq!(
        log.propose(&ask(1, "l", "b", 2, amount(1, 1))),
        GrantLeaseReply::Ended
    );
    let report = spent(1, amount(5, 5));
    assert_eq!(
        log.propose(&say(2, "l", Some(report), false)),
        Acknowledged::Ended
    );
    assert_eq!(balance(&log, "a").settled, Amount::ZERO);
}

#[test]
fn whoever_is_refused_is_told_why_and_holders_of_the_short_account_are_named() {
    let mut log = tree();
    log.propose(&ask(1, "l1", "a", 1, amount(500, 0)));
    log.propose(&ask(2, "l2", "b", 1, amount(400, 0)));
    let before = log.machine.clone();
    let (reply, effects) = log.observe(&ask(3, "l3", "b", 1, amount(200, 0)));
    assert!(
        matches!(&reply, GrantLeaseReply::Refused { root: Some(root), .. } if root.as_str() == "t"),
        "{reply:?}"
    );
    let account = account_id("t");
    assert_eq!(
        effects,
        [Effect::RecallWanted {
            account: account.clone()
        }]
    );
    assert_eq!(log.machine, before);
    let holders: Vec<(u16, u64)> = log
        .machine
        .home()
        .holders(&account)
        .map(|holding| (holding.lease.node.get(), holding.amount.tokens))
        .collect();
    assert_eq!(holders, [(1, 500), (2, 400)]);
    assert_eq!(log.machine.home().holders(&account_id("b")).count(), 1);
    let unknown = log.propose(&ask(3, "l3", "nobody", 1, Amount::ZERO));
    assert!(
        matches!(unknown, GrantLeaseReply::Refused { root: None, .. }),
        "{unknown:?}"
    );
}

#[test]
fn a_report_is_taken_once_and_in_order() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(100, 100)));
    let reports = |log: &mut Log<Journal>, report| match log.propose(&say(1, "l", Some(report), false)) {
        Acknowledged::Live(granted) => granted.state.reports,
        Acknowledged::Ended => panic!("it lives"),
    };
    let (first, second) = (spent(1, amount(30, 20)), spent(2, amount(5, 5)));
    assert_eq!(reports(&mut log, second), 0, "the first is missing");
    assert_eq!(reports(&mut log, first), 1);
    assert_eq!(reports(&mut log, first), 1);
    assert_eq!(reports(&mut log, second), 2);
    let balance = balance(&log, "t");
    assert_eq!((balance.settled, balance.held), (amount(35, 25), amount(65, 75)));
}

#[test]
fn a_lease_ends_when_its_holder_has_said_everything() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(100, 100)));
    let last = Report {
        returned: amount(70, 80),
        calls: 1 << 12,
        ..spent(1, amount(30, 20))
    };
    for _ in 0..2 {
        assert_eq!(log.propose(&say(1, "l", Some(last), true)), Acknowledged::Ended);
    }
    assert_eq!(log.machine.home().leases().count(), 0);
    assert_eq!(
        log.propose(&ask(1, "l", "a", 1, amount(1, 1))),
        GrantLeaseReply::Ended
    );
    let balance = balance(&log, "t");
    assert_eq!((balance.settled, balance.held), (amount(30, 20), Amount::ZERO));
}

#[test]
fn what_a_silent_holder_has_stays_reserved_until_it_speaks_again() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(500, 500)));
    log.pass_ms(TTL_MS - 1);
    assert_eq!(log.observe(&tick()).1, []);
    log.pass_ms(1);
    let lapsed = Effect::LeaseLapsed {
        lease: hold_id("l"),
        node: node(1),
        account: account_id("a"),
    };
    assert_eq!(log.observe(&tick()), (TickReply::Done, vec![lapsed]));
    assert_eq!(log.observe(&tick()).1, [], "once");
    assert!(log.machine.home().lease(&hold_id("l")).unwrap().has_lapsed);
    let refused = log.propose(&ask(2, "m", "a", 1, amount(101, 0)));
    assert!(matches!(refused, GrantLeaseReply::Refused { .. }), "{refused:?}");
    log.propose(&say(1, "l", Some(spent(1, amount(7, 7))), false));
    let lease = log.machine.home().lease(&hold_id("l")).unwrap();
    assert!(!lease.has_lapsed);
    assert_eq!(log.machine.home().next_lapse(), Some(lease.good_until));
    assert_eq!(balance(&log, "a").settled, amount(7, 7));
}

#[test]
fn what_a_removed_member_says_late_is_set_against_what_it_was_charged() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(100, 100)));
    log.propose(&say(1, "l", Some(spent(1, amount(20, 20))), false));
    let reclaim = ReclaimNode { node: node(1) };
    let (reply, effects) = log.observe(&reclaim);
    assert_eq!(reply, ReclaimNodeReply::Reclaimed);
    let reclaimed = Effect::LeaseReclaimed {
        lease: hold_id("l"),
        account: account_id("a"),
        charged: amount(80, 80),
    };
    assert_eq!(effects, [reclaimed]);
    let after = balance(&log, "t");
    assert_eq!((after.settled, after.unknown), (amount(100, 100), amount(80, 80)));
    assert_eq!(
        log.propose(&ask(1, "m", "a", 1, amount(1, 1))),
        GrantLeaseReply::Removed
    );

    let late = say(1, "l", Some(spent(2, amount(50, 30))), false);
    let mut log = log.reloaded();
    assert_eq!(log.observe(&late), (Acknowledged::Ended, vec![]));
    assert_eq!(log.observe(&late), (Acknowledged::Ended, vec![]), "a repeat");
    let after = balance(&log, "t");
    assert_eq!((after.settled, after.unknown), (amount(100, 100), amount(30, 50)));

    let more = log.observe(&say(1, "l", Some(spent(3, amount(40, 40))), false)).1;
    let beyond = Effect::LateUsage {
        account: account_id("a"),
        beyond: amount(10, 0),
    };
    assert_eq!(more, [beyond]);
    let after = balance(&log, "t");
    assert_eq!((after.settled, after.unknown), (amount(110, 100), amount(0, 10)));
    assert!(log.machine.home().ledger().is_consistent());
}

#[test]
fn limits_and_accounts_change_when_nothing_is_in_the_way() {
    let mut log = tree();
    log.propose(&ask(1, "l", "a", 1, amount(100, 0)));
    let (reply, effects) = log.observe(&limits("a", Some("t"), 99));
    assert!(
        matches!(
            reply,
            PutLimitsReply::Refused(AccountError::LimitBelowUse { in_use: 100, .. })
        ),
        "{reply:?}"
    );
    let recall = Effect::RecallWanted {
        account: account_id("a"),
    };
    assert_eq!(effects, std::slice::from_ref(&recall));
    assert_eq!(log.propose(&limits("a", Some("t"), 100)), PutLimitsReply::Put);
    let close = CloseAccount {
        account: account_id("a"),
    };
    let (reply, effects) = log.observe(&close);
    assert!(matches!(reply, CloseAccountReply::InUse(_)), "{reply:?}");
    assert_eq!(effects, [recall]);
    // A lease of nothing is one: its holder may still ask for more.
    let all = Report {
        returned: amount(100, 0),
        calls: 1 << 12,
        ..Report::default()
    };
    log.propose(&say(1, "l", Some(Report { number: 1, ..all }), false));
    assert!(matches!(log.propose(&close), CloseAccountReply::InUse(_)));
    log.propose(&say(1, "l", None, true));
    for _ in 0..2 {
        assert_eq!(log.propose(&close), CloseAccountReply::Closed);
    }
    let unclosable = CloseAccount {
        account: account_id("t"),
    };
    assert!(matches!(log.propose(&unclosable), CloseAccountReply::InUse(_)));
}

#[test]
fn a_grant_that_was_overtaken_by_the_end_of_its_lease_begins_nothing() {
    let mut log = tree();
    assert_eq!(log.propose(&say(1, "l", None, true)), Acknowledged::Ended);
    let late = log.propose(&ask(1, "l", "a", 1, amount(50, 50)));
    assert_eq!(late, GrantLeaseReply::Ended);
    assert_eq!(balance(&log, "t").held, Amount::ZERO);
}
