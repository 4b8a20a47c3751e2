use super::*;

/// Eight slots taken by four bronze and four silver calls, started one millisecond after the other.
fn full() -> Scheduler {
    let mut scheduler = slots(8);
    for n in 0..4 {
        for (tier, name) in [(Tier::Bronze, "b"), (Tier::Silver, "s")] {
            let call = item(&format!("{name}{n}"), tier, &format!("{name}{n}"));
            assert!(matches!(
                scheduler.enqueue(Millis(n), call),
                Ok(Admission::Granted(_))
            ));
        }
    }
    scheduler
}

fn preempted(events: &[Event]) -> Vec<&str> {
    let mut ids = Vec::new();
    for event in events {
        if let Event::Preempt { id, .. } = event {
            ids.push(id.as_str());
        }
    }
    ids
}

#[test]
fn gold_that_waits_makes_bronze_give_way() {
    let mut scheduler = full();
    queue(&mut scheduler, 10, item("g1", Tier::Gold, "g1"));
    assert_eq!(scheduler.next_deadline(), Some(Millis(110)));
    assert!(scheduler.tick(Millis(109)).is_empty());
    assert_eq!(preempted(&scheduler.tick(Millis(110))), ["b0"]);
    // one is enough, and on its way
    assert!(scheduler.tick(Millis(111)).is_empty());
    // silver waits too and it would be its turn; the slot was freed for gold
    queue(&mut scheduler, 111, item("s9", Tier::Silver, "s9"));
    assert_eq!(granted(&scheduler.release(Millis(112), &id("b0"))), ["g1"]);
}

#[test]
fn at_most_a_quarter_of_the_running_gives_way_within_a_second() {
    let mut scheduler = full();
    for n in 0..6 {
        queue(
            &mut scheduler,
            10,
            item(&format!("g{n}"), Tier::Gold, &format!("g{n}")),
        );
    }
    assert_eq!(preempted(&scheduler.tick(Millis(110))), ["b0", "b1"]);
    assert!(scheduler.tick(Millis(1_009)).is_empty());
    assert_eq!(preempted(&scheduler.tick(Millis(1_110))), ["b2", "b3"]);
}

#[test]
fn silver_gives_way_only_after_a_second_of_shortage() {
    let mut scheduler = slots(4);
    for n in 0..4 {
        scheduler
            .enqueue(Millis(0), item(&format!("s{n}"), Tier::Silver, &format!("s{n}")))
            .unwrap();
    }
    queue(&mut scheduler, 10, item("g", Tier::Gold, "g"));
    assert!(scheduler.tick(Millis(110)).is_empty());
    assert_eq!(scheduler.next_deadline(), Some(Millis(1_010)));
    assert_eq!(preempted(&scheduler.tick(Millis(1_010))), ["s0"]);
}

#[test]
fn gold_compliance_and_the_nearly_done_are_spared() {
    let mut scheduler = slots(3);
    scheduler
        .enqueue(Millis(0), item("gold", Tier::Gold, "a"))
        .unwrap();
    let compliance = Item {
        is_preemptible: false,
        ..item("compliance", Tier::Bronze, "b")
    };
    scheduler.enqueue(Millis(0), compliance).unwrap();
    let nearly_done = Item {
        deadline: Some(Millis(2_000)),
        ..item("nearly", Tier::Bronze, "c")
    };
    scheduler.enqueue(Millis(0), nearly_done).unwrap();
    queue(&mut scheduler, 900, item("g", Tier::Gold, "g"));
    assert!(scheduler.tick(Millis(1_000)).is_empty());
    let events = scheduler.tick(Millis(2_900));
    assert!(preempted(&events).is_empty(), "{events:?}");
}

#[test]
fn gold_held_back_by_its_own_window_preempts_nobody() {
    let mut scheduler = full();
    let blocked = Item {
        window: parallel(0),
        ..item("g", Tier::Gold, "g")
    };
    queue(&mut scheduler, 10, blocked);
    assert!(scheduler.tick(Millis(500)).is_empty());
}

#[test]
fn a_reserved_slot_is_lent_and_comes_back_first() {
    let mut scheduler = slots(10);
    for n in 0..10 {
        scheduler
            .enqueue(Millis(0), item(&format!("b{n}"), Tier::Bronze, "b"))
            .unwrap();
    }
    for n in 0..6 {
        queue(&mut scheduler, 0, item(&format!("x{n}"), Tier::Bronze, "x"));
        queue(&mut scheduler, 0, item(&format!("g{n}"), Tier::Gold, "g"));
    }
    // a fifth of the slots is gold's own
    let first: Vec<Event> = ["b0", "b1"]
        .iter()
        .flat_map(|name| scheduler.release(Millis(1), &id(name)))
        .collect();
    assert_eq!(granted(&first), ["g0", "g1"]);
    assert_eq!(scheduler.running(Tier::Gold), 2);
}
