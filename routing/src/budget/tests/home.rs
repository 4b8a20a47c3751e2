use super::*;
use crate::budget::home::{Grant, Share, Statement};
use crate::budget::{NotLive, Refusal, Report};

fn ask(lease: &str, account: &str, number: u64, lacking: Amount) -> Grant {
    Grant {
        lease: hold_id(lease),
        account: account_id(account),
        number,
        lacking,
        calls: 1,
        demand: amount(50, 5_000),
    }
}

fn lease(ledger: &mut Ledger, ask: &Grant) {
    let record = ledger.propose_grant(ask).unwrap();
    commit(ledger, &record);
}

fn say(ledger: &mut Ledger, statement: &Statement) -> Result<(), NotLive> {
    for record in ledger.propose_statement(NOW, statement)? {
        commit(ledger, &record);
    }
    Ok(())
}

fn statement(lease: &str, report: Report, ends: bool) -> Statement {
    Statement {
        lease: hold_id(lease),
        report: Some(report),
        ends,
    }
}

#[test]
fn a_lease_is_what_lacks_or_the_demand_up_to_a_tenth_and_plenty_of_what_has_no_limit() {
    let mut ledger = tree();
    lease(&mut ledger, &ask("l", "s", 1, amount(5, 5)));
    // `s` has 500 tokens; of money it has what `p` has, 600.
    let granted = ledger.granted(&hold_id("l"), 1, 9).unwrap();
    assert_eq!(granted.state.amount, amount(50, 60));
    assert_eq!((granted.state.calls, granted.state.reports), (1, 0));
    assert_eq!(
        (granted.root, granted.is_limited, granted.ttl_ms),
        (account_id("t"), true, 9)
    );

    put(&mut ledger, "free", None, Limits::default());
    lease(&mut ledger, &ask("m", "free", 1, amount(5, 5)));
    let granted = ledger.granted(&hold_id("m"), 1, 9).unwrap();
    assert!(granted.state.amount.tokens > 1 << 39 && granted.state.calls > 1_000);
    assert!(!granted.is_limited);
}

#[test]
fn a_lease_that_is_over_is_not_begun_again() {
    let mut ledger = tree();
    let first = ask("l", "s", 1, amount(5, 5));
    lease(&mut ledger, &first);
    let rest = Report {
        number: 1,
        spent: amount(10, 0),
        returned: amount(40, 60),
        calls: 1,
        ..Report::default()
    };
    let unready = Report { calls: 0, ..rest };
    let mut other = ledger.clone();
    say(&mut other, &statement("l", unready, true)).unwrap();
    assert!(other.hold(&hold_id("l")).is_some(), "a call is still leased");
    say(&mut ledger, &statement("l", rest, true)).unwrap();
    assert!(ledger.hold(&hold_id("l")).is_none());
    let again = ledger.propose_grant(&first);
    assert!(matches!(again, Err(Refusal::NotLive(NotLive::Ended { .. }))));
    assert!(say(&mut ledger, &statement("l", rest, true)).is_err());
    let balance = ledger.account(&account_id("t")).unwrap().balance();
    assert_eq!((balance.settled, balance.held), (amount(10, 0), Amount::ZERO));

    // One that its holder is done with before the grant for it arrives does not begin.
    let unheard = Statement {
        lease: hold_id("m"),
        report: None,
        ends: true,
    };
    say(&mut ledger, &unheard).unwrap();
    let late = ledger.propose_grant(&ask("m", "s", 1, amount(5, 5)));
    assert!(matches!(late, Err(Refusal::NotLive(NotLive::Ended { .. }))));
}

#[test]
fn a_report_said_twice_or_too_early_changes_nothing() {
    let mut ledger = tree();
    lease(&mut ledger, &ask("l", "s", 1, amount(5, 5)));
    let spent = |number| Report {
        number,
        spent: amount(10, 10),
        ..Report::default()
    };
    for number in [2, 1, 1] {
        say(&mut ledger, &statement("l", spent(number), false)).unwrap();
    }
    let state = ledger.granted(&hold_id("l"), 1, 0).unwrap().state;
    assert_eq!((state.reports, state.amount), (1, amount(40, 50)));
    // To be renewed changes nothing either.
    let renewal = Statement {
        report: None,
        ..statement("l", Report::default(), false)
    };
    assert_eq!(ledger.propose_statement(NOW, &renewal), Ok(Vec::new()));
}

#[test]
fn what_holders_have_free_is_not_shown_as_held_at_any_level() {
    let mut ledger = tree();
    lease(&mut ledger, &ask("l", "s", 1, amount(5, 5)));
    take(&mut ledger, "r", hold("p", 7, 7));
    let shares = [
        Share {
            lease: hold_id("l"),
            free: amount(30, 60),
            calls: 1,
        },
        Share {
            lease: hold_id("gone"),
            free: amount(1, 1),
            calls: 1,
        },
    ];
    let held = |account| {
        let balance = ledger.balance_beside(&account_id(account), &shares).unwrap();
        (balance.held, balance.in_flight)
    };
    assert_eq!(held("s"), (amount(20, 0), 0));
    assert_eq!(held("t"), (amount(27, 7), 1));
    assert_eq!(ledger.balance_beside(&account_id("nobody"), &shares), None);
}
