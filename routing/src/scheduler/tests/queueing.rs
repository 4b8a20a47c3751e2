use super::*;

#[test]
fn a_free_slot_is_granted_at_once() {
    let mut scheduler = slots(1);
    let Ok(Admission::Granted(grant)) = scheduler.enqueue(Millis(5), item("a", Tier::Bronze, "s")) else {
        panic!("not granted");
    };
    assert!(grant.was_fast && grant.waited_ms == 0);
    queue(&mut scheduler, 5, item("b", Tier::Bronze, "s"));
    assert_eq!(
        (scheduler.running(Tier::Bronze), scheduler.waiting(Tier::Bronze)),
        (1, 1)
    );
    let events = scheduler.release(Millis(12), &id("a"));
    assert!(
        matches!(&events[..], [Event::Granted(grant)] if grant.waited_ms == 7 && !grant.was_fast),
        "{events:?}"
    );
}

#[test]
fn tiers_share_by_weight_and_bronze_is_not_starved() {
    let mut scheduler = busy();
    for n in 0..30 {
        for (tier, name) in [(Tier::Bronze, "b"), (Tier::Silver, "s"), (Tier::Gold, "g")] {
            queue(
                &mut scheduler,
                0,
                item(&format!("{name}{n}"), tier, &format!("{name}{n}")),
            );
        }
    }
    let order = drain(&mut scheduler, 1, "busy", 18);
    let count = |name: &str| order.iter().filter(|id| id.starts_with(name)).count();
    assert_eq!((count("g"), count("s"), count("b")), (10, 6, 2), "{order:?}");
}

#[test]
fn tenants_share_before_their_sessions_do() {
    let mut scheduler = busy();
    for n in 0..8 {
        for session in ["a1", "a2", "a3"] {
            let name = format!("{session}.{n}");
            queue(
                &mut scheduler,
                0,
                of_tenant("a", item(&name, Tier::Silver, session)),
            );
        }
        queue(
            &mut scheduler,
            0,
            of_tenant("b", item(&format!("b.{n}"), Tier::Silver, "b1")),
        );
    }
    let order = drain(&mut scheduler, 1, "busy", 12);
    let count = |name: &str| order.iter().filter(|id| id.starts_with(name)).count();
    assert_eq!(count("b"), 6, "{order:?}");
    assert_eq!((count("a1"), count("a2"), count("a3")), (2, 2, 2), "{order:?}");
}

#[test]
fn large_and_light_sessions_get_less_often_a_turn() {
    let mut scheduler = busy();
    for n in 0..20 {
        queue(
            &mut scheduler,
            0,
            item(&format!("small{n}"), Tier::Silver, "small"),
        );
        let mut large = item(&format!("large{n}"), Tier::Silver, "large");
        large.cost.tokens = 4_000;
        queue(&mut scheduler, 0, large);
        let mut heavy = item(&format!("heavy{n}"), Tier::Silver, "heavy");
        heavy.weight = 2.0;
        queue(&mut scheduler, 0, heavy);
    }
    let order = drain(&mut scheduler, 1, "busy", 26);
    let count = |name: &str| order.iter().filter(|id| id.starts_with(name)).count();
    assert!(
        count("small").abs_diff(8) <= 1 && count("large").abs_diff(2) <= 1,
        "{order:?}"
    );
    assert!(count("heavy").abs_diff(16) <= 1, "{order:?}");
}

#[test]
fn a_session_at_its_window_is_passed_over_and_keeps_its_order() {
    let mut scheduler = slots(2);
    let windowed = |name: &str| Item {
        window: parallel(1),
        ..item(name, Tier::Silver, "s")
    };
    assert!(matches!(
        scheduler.enqueue(Millis(0), windowed("s1")),
        Ok(Admission::Granted(_))
    ));
    queue(&mut scheduler, 0, windowed("s2"));
    queue(&mut scheduler, 0, windowed("s3"));
    // the second slot is free, but not for this session
    assert!(matches!(
        scheduler.enqueue(Millis(0), item("o1", Tier::Bronze, "o")),
        Ok(Admission::Granted(_))
    ));
    let events = scheduler.release(Millis(1), &id("o1"));
    assert!(granted(&events).is_empty());
    let events = scheduler.release(Millis(1), &id("s1"));
    assert_eq!(granted(&events), ["s2"]);
    let (tenant, session) = (TenantId::new("t").unwrap(), SessionId::new("s").unwrap());
    let events = scheduler.set_window(Millis(2), &tenant, &session, parallel(2));
    assert_eq!(granted(&events), ["s3"]);
}

#[test]
fn a_wider_window_that_comes_with_an_item_is_due_at_once() {
    let mut scheduler = slots(2);
    let windowed = |name: &str, max| Item {
        window: parallel(max),
        ..item(name, Tier::Silver, "s")
    };
    queue(&mut scheduler, 0, windowed("s1", 0));
    assert!(scheduler.next_deadline() > Some(Millis(0)));
    queue(&mut scheduler, 0, windowed("s2", 2));
    assert_eq!(scheduler.next_deadline(), Some(Millis(0)));
    assert_eq!(granted(&scheduler.tick(Millis(0))), ["s1", "s2"]);
}

#[test]
fn what_never_fits_the_window_is_refused_for_good() {
    let mut scheduler = slots(2);
    let window = Window {
        max_tokens: 999,
        ..Window::MAX
    };
    let large = Item {
        window: Some(window),
        ..item("a", Tier::Gold, "s")
    };
    let refused = scheduler.enqueue(Millis(0), large).unwrap_err();
    assert_eq!(refused, Refused::NeverFits { window });
    let fault = atp_protocol::error::Fault::from(refused);
    assert_eq!(fault.retryable, Some(false));
}

#[test]
fn waits_end_at_the_tiers_timeout_or_the_requests_deadline() {
    let mut scheduler = busy();
    queue(&mut scheduler, 0, item("bronze", Tier::Bronze, "a"));
    queue(&mut scheduler, 0, item("silver", Tier::Silver, "b"));
    let hasty = Item {
        deadline: Some(Millis(300)),
        ..item("hasty", Tier::Silver, "c")
    };
    queue(&mut scheduler, 0, hasty);
    let mut ends = Vec::new();
    while let Some(at) = scheduler.next_deadline() {
        for event in scheduler.tick(at) {
            let Event::TimedOut { id, waited_ms, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(at, Millis(waited_ms));
            ends.push((id.as_str().to_owned(), waited_ms));
        }
    }
    let expected = [("hasty", 300), ("bronze", 2_000), ("silver", 5_000)];
    assert_eq!(ends, expected.map(|(name, at)| (name.to_owned(), at)));
}

#[test]
fn the_longest_waiting_goes_first_in_one_of_four_grants() {
    let mut scheduler = busy();
    let mut slow = item("slow", Tier::Silver, "slow");
    slow.weight = 0.1;
    queue(&mut scheduler, 0, slow.clone());
    slow.id = id("slow2");
    queue(&mut scheduler, 0, slow);
    for n in 0..20 {
        queue(
            &mut scheduler,
            50,
            item(&format!("quick{n}"), Tier::Silver, "quick"),
        );
    }
    // `slow` has waited longest and too long; its share is used up for ten turns of `quick`
    assert_eq!(
        drain(&mut scheduler, 50, "busy", 4),
        ["slow", "quick0", "quick1", "quick2"]
    );
    let events = scheduler.release(Millis(1_000), &id("quick2"));
    assert!(
        matches!(&events[..], [Event::Granted(grant)] if grant.was_starved && grant.id == id("slow2")),
        "{events:?}"
    );
    let mut running = "slow2".to_owned();
    let mut overrides = Vec::new();
    for turn in 0..8 {
        let events = scheduler.release(Millis(1_000), &id(&running));
        let [Event::Granted(grant)] = &events[..] else {
            panic!("{events:?}")
        };
        if grant.was_starved {
            overrides.push(turn);
        }
        running = grant.id.as_str().to_owned();
    }
    assert!(overrides.len() <= 2, "{overrides:?}");
}

#[test]
fn queues_are_bounded_per_tier_and_bronze_can_be_shed() {
    let mut settings = Settings {
        slots: 0,
        ..Settings::default()
    };
    settings.tiers[Tier::Bronze.index()].queue_max = 1;
    let mut scheduler = Scheduler::new(settings);
    queue(&mut scheduler, 0, item("a", Tier::Bronze, "s"));
    let full = scheduler.enqueue(Millis(0), item("b", Tier::Bronze, "s"));
    assert_eq!(
        full,
        Err(Refused::QueueFull {
            tier: Tier::Bronze,
            max: 1
        })
    );
    queue(&mut scheduler, 0, item("c", Tier::Gold, "s"));
    let again = scheduler.enqueue(Millis(0), item("c", Tier::Gold, "s"));
    assert_eq!(again, Err(Refused::Duplicate));
    scheduler.shed_bronze(true);
    let shed = scheduler.enqueue(Millis(0), item("d", Tier::Bronze, "s"));
    assert_eq!(shed, Err(Refused::Shed));
    let late = Item {
        deadline: Some(Millis(7)),
        ..item("e", Tier::Gold, "s")
    };
    assert_eq!(scheduler.enqueue(Millis(7), late), Err(Refused::TooLate));
    assert_eq!(granted(&scheduler.set_slots(Millis(1), 2)), ["c", "a"]);
}

#[test]
fn releasing_what_waits_takes_it_out_of_the_queue() {
    let mut scheduler = busy();
    queue(&mut scheduler, 0, item("a", Tier::Gold, "s"));
    queue(&mut scheduler, 0, item("b", Tier::Gold, "s"));
    assert!(scheduler.release(Millis(0), &id("a")).is_empty());
    assert!(scheduler.release(Millis(0), &id("nobody")).is_empty());
    assert_eq!(drain(&mut scheduler, 0, "busy", 1), ["b"]);
}

#[test]
fn fairness_is_low_while_one_session_gets_everything() {
    let mut scheduler = busy();
    queue(&mut scheduler, 0, item("a0", Tier::Silver, "a"));
    let blocked = Item {
        window: parallel(0),
        ..item("b0", Tier::Silver, "b")
    };
    queue(&mut scheduler, 0, blocked);
    assert!((scheduler.fairness(Tier::Silver, Millis(10)) - 1.0).abs() < 1e-9);
    drain(&mut scheduler, 10, "busy", 1);
    assert!((scheduler.fairness(Tier::Silver, Millis(20)) - 0.5).abs() < 1e-9);
}
