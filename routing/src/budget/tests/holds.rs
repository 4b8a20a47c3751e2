use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Fault};

use super::*;
use crate::budget::{Balance, Bounds, Component, NotLive, Refusal, Report, ReportError};

fn balance(ledger: &Ledger, id: &str) -> Balance {
    ledger.account(&account_id(id)).unwrap().balance()
}

fn settle(ledger: &mut Ledger, id: &str, actual: Amount, source: UsageSource) {
    let record = ledger.propose_settle(NOW, &hold_id(id), actual, source).unwrap();
    commit(ledger, &record);
}

#[test]
fn a_hold_reserves_on_every_level_or_none() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("p", 300, 300));
    let before = ledger.clone();
    let refused = ledger.propose_hold(NOW, &hold_id("r2"), hold("s", 301, 1));
    assert_eq!(
        refused,
        Err(Refusal::NoRoom {
            account: account_id("p"),
            component: Component::Tokens,
            wanted: 301,
            remaining: 300
        })
    );
    assert_eq!(ledger, before);
    take(&mut ledger, "r2", hold("s", 300, 300));
    assert_eq!(balance(&ledger, "t").held, amount(600, 600));
    assert_eq!(balance(&ledger, "t").in_flight, 2);
    assert_eq!(balance(&ledger, "s").held, amount(300, 300));
}

#[test]
fn the_first_component_short_at_any_level_is_named() {
    let mut ledger = tree();
    for id in ["r1", "r2", "r3"] {
        take(&mut ledger, id, hold("p", 100, 1));
    }
    // tokens are short at `s` and `p`, calls only at `p`: calls come first
    let refused = ledger
        .propose_hold(NOW, &hold_id("r4"), hold("s", 400, 1))
        .unwrap_err();
    assert!(
        matches!(&refused, Refusal::NoRoom { account, component: Component::Parallel, remaining: 0, .. } if *account == account_id("p")),
        "{refused:?}"
    );
    let fault = Fault::from(refused);
    assert_eq!((fault.code, fault.retry().is_retryable()), (Code::Window, true));
}

#[test]
fn what_never_fits_is_refused_for_good_whatever_else_is_short_and_says_by_how_much() {
    let mut ledger = tree();
    for id in ["r1", "r2", "r3"] {
        take(&mut ledger, id, hold("p", 1, 1));
    }
    settle(&mut ledger, "r3", amount(100, 0), UsageSource::Reported);
    let refused = ledger
        .propose_hold(NOW, &hold_id("r4"), hold("s", 501, 1))
        .unwrap_err();
    assert_eq!(
        refused,
        Refusal::NeverFits {
            account: account_id("s"),
            component: Component::Tokens,
            wanted: 501,
            remaining: 500,
            limit: 500
        }
    );
    let fault = Fault::from(refused);
    assert_eq!((fault.code, fault.retryable), (Code::Budget, Some(false)));
    let detail = "account s has limit_tokens 500 and 500 of it unspent, 501 wanted: 1 too few; raise it or ask for less";
    assert_eq!(fault.detail, detail);
}

#[test]
fn refusals_say_whether_waiting_helps() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("t", 900, 1));
    let wait = ledger.preflight(&account_id("p"), amount(200, 0), 1).unwrap_err();
    assert!(wait.may_pass());
    assert_eq!(Fault::from(wait).code, Code::Budget);
    settle(&mut ledger, "r1", amount(900, 1), UsageSource::Reported);
    let never = ledger.preflight(&account_id("p"), amount(200, 0), 1).unwrap_err();
    assert!(!never.may_pass());
    assert!(ledger.preflight(&account_id("p"), amount(100, 0), 1).is_ok());
}

#[test]
fn what_exceeds_the_hold_takes_room_and_then_overruns_level_by_level() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 100, 100));
    settle(&mut ledger, "r1", amount(550, 700), UsageSource::Reported);
    assert_eq!(balance(&ledger, "s").settled, amount(500, 700));
    assert_eq!(balance(&ledger, "s").overrun, amount(50, 0));
    assert_eq!(balance(&ledger, "p").settled, amount(550, 600));
    assert_eq!(balance(&ledger, "p").overrun, amount(0, 100));
    assert_eq!(balance(&ledger, "t").settled, amount(550, 700));
    assert_eq!(balance(&ledger, "t").overrun, Amount::ZERO);
}

#[test]
fn room_that_others_hold_is_not_taken() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("p", 100, 100));
    take(&mut ledger, "r2", hold("p", 450, 450));
    let record = ledger
        .propose_settle(NOW, &hold_id("r1"), amount(300, 300), UsageSource::Reported)
        .unwrap();
    let applied = ledger.apply(&record);
    assert_eq!(
        (applied.charged, applied.overrun),
        (amount(150, 150), amount(150, 150))
    );
    assert_eq!(balance(&ledger, "p").settled, amount(150, 150));

    // what could not be charged then is charged before the room can be spent again
    let released = ledger.propose_release(&hold_id("r2")).unwrap();
    let _ = ledger.apply(&released);
    let Balance { settled, overrun, .. } = balance(&ledger, "p");
    assert_eq!((settled, overrun), (amount(300, 300), Amount::ZERO));
}

#[test]
fn ending_a_hold_twice_has_no_effect_and_says_so() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 100, 100));
    let settled = ledger
        .propose_settle(NOW, &hold_id("r1"), amount(10, 10), UsageSource::Reported)
        .unwrap();
    commit(&mut ledger, &settled);
    let after = ledger.clone();
    assert!(!ledger.apply(&settled).had_effect);
    assert_eq!(ledger, after);
    assert_eq!(
        ledger.propose_release(&hold_id("r1")),
        Err(NotLive::Ended { id: hold_id("r1") })
    );
    assert_eq!(
        ledger.propose_release(&hold_id("r9")),
        Err(NotLive::Unknown { id: hold_id("r9") })
    );
    let reused = ledger.propose_hold(NOW, &hold_id("r1"), hold("s", 1, 1));
    assert_eq!(reused, Err(Refusal::Reused { id: hold_id("r1") }));
}

#[test]
fn a_live_hold_is_topped_up_within_the_limits() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 400, 100));
    let later = UnixMillis(NOW.0 + 90_000);
    let refused = ledger.propose_extend(&hold_id("r1"), amount(101, 0), 0, later);
    assert!(
        matches!(refused, Err(Refusal::NoRoom { remaining: 100, .. })),
        "{refused:?}"
    );
    let record = ledger
        .propose_extend(&hold_id("r1"), amount(100, 0), 0, later)
        .unwrap();
    commit(&mut ledger, &record);
    assert_eq!(balance(&ledger, "t").held, amount(500, 100));
    assert_eq!(ledger.next_expiry(), Some(later));
}

#[test]
fn a_lease_is_spent_and_given_back_in_numbered_reports() {
    let mut ledger = tree();
    let lease = Hold {
        calls: 2,
        ..hold("s", 400, 400)
    };
    take(&mut ledger, "lease", lease);
    let report = Report {
        number: 1,
        spent: amount(150, 50),
        unknown: amount(20, 5),
        returned: amount(1_000, 100),
        calls: 1,
        ..Report::default()
    };
    let record = ledger.propose_report(NOW, &hold_id("lease"), report).unwrap();
    commit(&mut ledger, &record);
    let left = balance(&ledger, "t");
    assert_eq!(
        (left.settled, left.held, left.in_flight),
        (amount(150, 50), amount(0, 250), 1)
    );
    assert_eq!(left.unknown, amount(20, 5));
    // a repeat has no effect, nor has one that comes too early
    assert!(!ledger.apply(&record).had_effect);
    for number in [1, 3] {
        let refused = ledger.propose_report(NOW, &hold_id("lease"), Report { number, ..report });
        assert_eq!(refused, Err(ReportError::OutOfOrder { number, expected: 2 }));
    }
    // used more than the lease had left: from the account's room, as in a settlement
    let beyond = Report {
        number: 2,
        beyond: amount(10, 0),
        ..Report::default()
    };
    let record = ledger.propose_report(NOW, &hold_id("lease"), beyond).unwrap();
    commit(&mut ledger, &record);
    assert_eq!(balance(&ledger, "s").settled, amount(160, 50));
    assert_eq!(balance(&ledger, "s").held, amount(0, 250));
}

#[test]
fn an_expired_hold_is_charged_whole_when_dispatched_and_given_back_otherwise() {
    let mut ledger = tree();
    take(&mut ledger, "sent", hold("s", 100, 100));
    take(
        &mut ledger,
        "kept",
        Hold {
            dispatched: false,
            ..hold("s", 50, 50)
        },
    );
    let due = ledger.next_expiry().unwrap();
    assert!(
        ledger
            .propose_expired(UnixMillis(due.0 - 1), 10, |_| None)
            .is_empty()
    );
    for record in ledger.propose_expired(due, 10, |_| None) {
        commit(&mut ledger, &record);
    }
    let left = balance(&ledger, "t");
    assert_eq!(
        (left.settled, left.unknown, left.held),
        (amount(100, 100), amount(100, 100), Amount::ZERO)
    );
    assert_eq!(left.in_flight, 0);
    assert_eq!(ledger.next_expiry(), None);
}

#[test]
fn unknown_usage_charges_the_whole_hold() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 100, 100));
    settle(&mut ledger, "r1", amount(3, 3), UsageSource::Unknown);
    assert_eq!(balance(&ledger, "s").settled, amount(100, 100));
    assert_eq!(balance(&ledger, "s").unknown, amount(100, 100));
}

#[test]
fn what_is_known_is_charged_beside_what_is_not() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 100, 100));
    let record = ledger
        .propose_settle_partly(NOW, &hold_id("r1"), amount(250, 90), amount(30, 40))
        .unwrap();
    commit(&mut ledger, &record);
    assert_eq!(balance(&ledger, "s").settled, amount(250, 90));
    assert_eq!(balance(&ledger, "s").unknown, amount(30, 40));
    assert!(ledger.is_consistent());
}

#[test]
fn a_hold_lives_on_while_its_holder_is_at_work() {
    let mut ledger = tree();
    take(&mut ledger, "r1", hold("s", 100, 100));
    take(&mut ledger, "r2", hold("s", 200, 200));
    let due = ledger.next_expiry().unwrap();
    let later = UnixMillis(due.0 + 1_000);
    let at_work = hold_id("r1");
    for record in ledger.propose_expired(due, 10, |id| (*id == at_work).then_some(later)) {
        commit(&mut ledger, &record);
    }
    assert_eq!(balance(&ledger, "s").held, amount(100, 100));
    assert_eq!(balance(&ledger, "s").settled, amount(200, 200));
    assert_eq!(ledger.next_expiry(), Some(later));
}

#[test]
fn holds_are_bounded_and_need_an_account_and_time() {
    let mut ledger = Ledger::new(Bounds {
        holds: 1,
        ..Bounds::default()
    });
    put(&mut ledger, "t", None, Limits::default());
    let nowhere = ledger.propose_hold(NOW, &hold_id("r1"), hold("x", 1, 1));
    assert_eq!(
        nowhere,
        Err(Refusal::UnknownAccount {
            account: account_id("x")
        })
    );
    let late = Hold {
        expires_at: NOW,
        ..hold("t", 1, 1)
    };
    let late = ledger.propose_hold(NOW, &hold_id("r1"), late);
    assert!(
        matches!(late, Err(Refusal::Expired { late_ms: 0, .. })),
        "{late:?}"
    );
    take(&mut ledger, "r1", hold("t", u64::MAX, 1));
    let second = ledger.propose_hold(NOW, &hold_id("r2"), hold("t", 0, 0));
    assert_eq!(second, Err(Refusal::TooManyHolds { max: 1 }));
    // an account without limits still adds up without overflow
    settle(
        &mut ledger,
        "r1",
        amount(u64::MAX, u64::MAX),
        UsageSource::Reported,
    );
    take(&mut ledger, "r2", hold("t", 0, 0));
    settle(&mut ledger, "r2", amount(7, 7), UsageSource::Reported);
    assert_eq!(balance(&ledger, "t").overrun, amount(7, 7));
}
