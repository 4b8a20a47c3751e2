use super::node::{Message, Node, silence};
use super::*;
use crate::budget::Component;

fn home() -> Home {
    let mut home = Home::default();
    home.put("t", None, limits(10_000, 10_000, 100));
    home.put("a", Some("t"), limits(8_000, 8_000, 100));
    home
}

fn node() -> Node {
    Node::new("n1", Settings::default())
}

fn ask(node: &mut Node, home: &mut Home, account: &str, id: &str, tokens: u64) -> usize {
    let expires_at = UnixMillis(node.unix.0 + 600_000);
    let messages = node.ask(want(account, id, amount(tokens, tokens), expires_at));
    node.talk(home, messages)
}

fn tick(node: &mut Node, home: &mut Home, ms: u64) -> usize {
    node.pass(ms);
    let messages = node.drive();
    node.talk(home, messages)
}

fn balance(home: &Home, node: &Node, account: &str) -> crate::budget::Balance {
    home.0
        .balance_beside(&account_id(account), &node.spender.shares())
        .unwrap()
}

#[test]
fn the_first_request_asks_home_and_those_after_it_do_not() {
    let (mut home, mut node) = (home(), node());
    assert!(ask(&mut node, &mut home, "a", "r1", 10) > 0);
    for n in 2..9 {
        assert_eq!(ask(&mut node, &mut home, "a", &format!("r{n}"), 10), 0, "r{n}");
    }
    assert_eq!(node.served.len(), 8);
    assert_eq!(balance(&home, &node, "t").held, amount(80, 80));
    assert_eq!(balance(&home, &node, "t").in_flight, 8);
    assert!(node.spender.is_limited(&account_id("a")));
}

#[test]
fn more_is_asked_for_before_it_runs_out() {
    let (mut home, mut node) = (home(), node());
    let mut said = 0;
    for n in 0..40 {
        said += ask(&mut node, &mut home, "a", &format!("r{n}"), 10);
    }
    assert_eq!((node.served.len(), node.waiting.len()), (40, 0));
    assert!(said < 10, "asked {said} times");
}

#[test]
fn usage_is_reported_after_the_interval_and_at_once_when_there_is_much() {
    let (mut home, mut node) = (home(), node());
    ask(&mut node, &mut home, "a", "r1", 10);
    let first = node.served[0].clone();
    assert!(node.settle(&first, amount(7, 3)));
    assert_eq!(tick(&mut node, &mut home, 99), 0);
    assert_eq!(balance(&home, &node, "a").settled, Amount::ZERO);
    assert_eq!(tick(&mut node, &mut home, 1), 1);
    assert_eq!(balance(&home, &node, "a").settled, amount(7, 3));
    assert_eq!(balance(&home, &node, "a").held, Amount::ZERO);
    assert!(!node.settle(&first, amount(7, 3)), "once");
}

#[test]
fn what_is_idle_goes_back_and_the_lease_ends() {
    let (mut home, mut node) = (home(), node());
    ask(&mut node, &mut home, "a", "r1", 10);
    let first = node.served[0].clone();
    tick(&mut node, &mut home, 7_500);
    let held = home.0.account(&account_id("t")).unwrap().balance();
    assert_eq!((held.held, held.in_flight), (amount(10, 10), 1));
    node.settle(&first, amount(10, 10));
    for _ in 0..5 {
        tick(&mut node, &mut home, 7_500);
    }
    let held = home.0.account(&account_id("t")).unwrap().balance();
    assert_eq!((held.held, held.in_flight), (Amount::ZERO, 0));
    assert_eq!((home.0.live_holds(), node.spender.leases()), (0, 0));
    assert_eq!(held.settled, amount(10, 10));
    assert!(ask(&mut node, &mut home, "a", "r2", 10) > 0);
    assert_eq!(node.served.len(), 2);
}

#[test]
fn a_refusal_is_the_one_that_the_ledger_alone_would_give() {
    let (mut home, mut node) = (home(), node());
    for n in 0..5 {
        ask(&mut node, &mut home, "a", &format!("r{n}"), 100);
    }
    let spent = node.served[0].clone();
    node.settle(&spent, amount(60, 60));
    home.put("b", Some("t"), Limits::default());
    ask(&mut node, &mut home, "b", "other", 50);
    for (id, account, tokens) in [("x", "a", 7_541), ("y", "a", 7_941), ("z", "b", 9_491)] {
        ask(&mut node, &mut home, account, id, tokens);
        assert_eq!((node.refused.len(), node.waiting.len()), (1, 0), "{id}");
        let (_, refusal) = node.refused.pop().unwrap();
        let expected = match id {
            "x" => ("a", 7_540, None),
            "y" => ("a", 7_940, Some(8_000)),
            _ => ("t", 9_490, None),
        };
        let HomeRefusal::Refused { refusal, .. } = refusal else {
            panic!("{refusal}");
        };
        let (account, component, remaining) = (account_id(expected.0), Component::Tokens, expected.1);
        let told = match expected.2 {
            None => Refusal::NoRoom {
                account,
                component,
                wanted: tokens,
                remaining,
            },
            Some(limit) => Refusal::NeverFits {
                account,
                component,
                wanted: tokens,
                remaining,
                limit,
            },
        };
        assert_eq!(refusal, told);
    }
    // What fits to the last token is granted.
    ask(&mut node, &mut home, "a", "w", 7_540);
    assert_eq!(node.served.last().unwrap().id, hold_id("w"));
}

#[test]
fn many_that_wait_are_granted_together_or_refused_by_one_answer() {
    let (mut home, mut node) = (home(), node());
    let until = UnixMillis(node.unix.0 + 600_000);
    let mut messages = Vec::new();
    for n in 0..20 {
        messages.extend(node.ask(want("a", &format!("r{n}"), amount(10, 10), until)));
    }
    assert_eq!(messages.len(), 1);
    assert!(node.talk(&mut home, messages) <= 3);
    assert_eq!(node.served.len(), 20);

    let mut messages = Vec::new();
    for n in 0..20 {
        messages.extend(node.ask(want("a", &format!("s{n}"), amount(8_000, 10), until)));
    }
    let said = node.talk(&mut home, messages);
    assert!(said <= 6, "said {said}");
    assert_eq!((node.refused.len(), node.waiting.len()), (20, 0));
    let many = Settings::default().waiting + 1;
    for n in 0..many {
        node.ask(want("a", &format!("t{n}"), amount(8_000, 10), until));
    }
    let (_, refusal) = node.refused.last().unwrap();
    assert!(matches!(refusal, HomeRefusal::Unavailable(_)), "{refusal}");
}

#[test]
fn a_node_that_cannot_renew_stops_before_its_lease_ends_and_goes_on_when_renewed() {
    let patient = Settings {
        idle_ms: 60_000,
        ..Settings::default()
    };
    let (mut home, mut node) = (home(), Node::new("n1", patient));
    ask(&mut node, &mut home, "a", "r1", 10);
    let until = UnixMillis(node.unix.0 + 600_000);
    for _ in 0..8 {
        node.pass(1_000);
        for message in node.drive() {
            node.hear(silence(&message));
        }
    }
    node.pass(TTL_MS - TTL_MS / 10 - 8_000 - 1);
    node.ask(want("a", "r2", amount(10, 10), until));
    assert_eq!(node.served.len(), 2);
    node.pass(1);
    let said = node.ask(want("a", "r3", amount(10, 10), until));
    assert_eq!((node.served.len(), node.waiting.len()), (2, 1));
    // What runs is settled all the same.
    let first = node.served[0].clone();
    assert!(node.settle(&first, amount(1, 1)));
    assert!(!said.is_empty(), "it asks to be renewed");
    node.talk(&mut home, said);
    assert_eq!(node.served.len(), 3);
}

#[test]
fn who_waits_for_a_home_that_is_silent_is_told_to_try_again() {
    let mut node = node();
    let until = UnixMillis(node.unix.0 + 600_000);
    let mut messages = node.ask(want("a", "r1", amount(10, 10), until));
    for _ in 0..6 {
        messages = messages
            .iter()
            .flat_map(|message| node.hear(silence(message)))
            .collect();
        node.pass(1_000);
        messages.extend(node.drive());
        assert!(messages.iter().all(|message| match message {
            Message::Grant(_, grant) => grant.number == 1,
            Message::State(..) => true,
        }));
    }
    assert_eq!((node.refused.len(), node.waiting.len()), (1, 0));
    assert!(matches!(node.refused[0].1, HomeRefusal::Unavailable(_)));
}

#[test]
fn a_recovered_node_reports_what_it_spent_and_waits_for_home_before_it_spends_more() {
    let (mut home, mut node) = (home(), node());
    ask(&mut node, &mut home, "a", "r1", 10);
    ask(&mut node, &mut home, "a", "r2", 10);
    let first = node.served[0].clone();
    node.settle(&first, amount(4, 4));
    node.crash("n1b", Settings::default());
    let until = UnixMillis(node.unix.0 + 600_000);
    let said = node.ask(want("a", "r3", amount(1, 1), until));
    assert_eq!(node.served.len(), 0);
    node.talk(&mut home, said);
    assert_eq!(node.served.len(), 1);
    assert_eq!(balance(&home, &node, "a").held, amount(11, 11).plus(amount(4, 4)));
    let flush = node.spender.flush(node.now, Reach::Used);
    assert_eq!(node.spender.flushed(), []);
    tick(&mut node, &mut home, 0);
    assert_eq!(node.spender.flushed(), [flush]);
    let balance = balance(&home, &node, "a");
    assert_eq!((balance.settled, balance.held), (amount(4, 4), amount(11, 11)));
    // The lost call is charged when its hold expires.
    let expired = node.spender.propose_expired(until, 10, |_| None);
    assert_eq!(expired.len(), 2);
}

#[test]
fn a_node_that_stops_gives_everything_back() {
    let (mut home, mut node) = (home(), node());
    ask(&mut node, &mut home, "a", "r1", 10);
    let first = node.served[0].clone();
    node.settle(&first, amount(4, 4));
    node.spender.close();
    tick(&mut node, &mut home, 0);
    tick(&mut node, &mut home, 0);
    let balance = home.0.account(&account_id("a")).unwrap().balance();
    assert_eq!(
        (balance.settled, balance.held, balance.in_flight),
        (amount(4, 4), Amount::ZERO, 0)
    );
    assert_eq!((home.0.live_holds(), node.spender.leases()), (0, 0));
}

#[test]
fn what_is_free_goes_back_without_waiting_for_what_is_asked_for() {
    let (mut home, mut node) = (home(), node());
    ask(&mut node, &mut home, "a", "r1", 10);
    let until = UnixMillis(node.unix.0 + 600_000);
    // Home looks everywhere for room before it answers, here too.
    let asked = node.ask(want("a", "r2", amount(2_000, 2_000), until));
    assert_eq!((asked.len(), node.served.len()), (1, 1));
    let flush = node.spender.flush(node.now, Reach::Free);
    let said = node.drive();
    node.talk(&mut home, said);
    assert_eq!(node.spender.flushed(), [flush]);
    node.talk(&mut home, asked);
    tick(&mut node, &mut home, crate::budget::spender::QUIET_MS);
    assert_eq!(
        node.served.len(),
        2,
        "what comes then stays with who waits for it"
    );
}

#[test]
fn nothing_is_leased_while_home_is_changed() {
    let (mut home, mut node) = (home(), node());
    home.put("free", None, Limits::default());
    ask(&mut node, &mut home, "free", "r1", 10);
    let first = node.served[0].clone();
    node.settle(&first, amount(4, 4));
    let until = UnixMillis(node.unix.0 + 600_000);
    // One is on its way that is going to be granted plenty.
    let asked = node.ask(want("free", "r2", amount(1 << 41, 10), until));
    let flush = node.spender.flush(node.now, Reach::All);
    let said = node.drive();
    node.talk(&mut home, said);
    assert_eq!(node.spender.flushed(), [], "more may come");
    node.talk(&mut home, asked);
    assert_eq!(node.spender.flushed(), [flush]);
    home.put("free", None, limits(4, 4, 1));
    node.pass(crate::budget::spender::QUIET_MS);
    let said = node.drive();
    node.talk(&mut home, said);
    assert!(matches!(
        node.refused[0].1,
        HomeRefusal::Refused {
            refusal: Refusal::NeverFits { limit: 4, .. },
            ..
        }
    ));
}
