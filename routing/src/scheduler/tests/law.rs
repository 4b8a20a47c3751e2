//! Random arrivals, ends and ticks, and what holds after each.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Arrive {
        tier: usize,
        tenant: usize,
        session: usize,
        tokens: u64,
        window: Option<u32>,
        life: Option<u64>,
    },
    /// Ends the running or waiting item at this place among all that live.
    End(prop::sample::Index),
    Window {
        session: usize,
        parallel: u32,
    },
    Slots(usize),
    Pass(u64),
}

fn any_op() -> impl Strategy<Value = Op> {
    let arrive = (
        0_usize..3,
        0_usize..2,
        0_usize..3,
        0_u64..20_000,
        prop::option::of(0_u32..3),
        prop::option::of(1_u64..3_000),
    );
    prop_oneof![
        6 => arrive.prop_map(|(tier, tenant, session, tokens, window, life)| {
            Op::Arrive { tier, tenant, session, tokens, window, life }
        }),
        5 => any::<prop::sample::Index>().prop_map(Op::End),
        1 => (0_usize..3, 0_u32..3).prop_map(|(session, parallel)| Op::Window { session, parallel }),
        1 => (1_usize..4).prop_map(Op::Slots),
        3 => (0_u64..900).prop_map(Op::Pass),
    ]
}

/// What the caller knows.
struct Caller {
    now: Millis,
    slots: usize,
    /// By id: the item, and whether it runs.
    live: BTreeMap<RequestId, (Item, bool)>,
    /// Waiting ids of each session and tier in the order of arrival.
    lines: BTreeMap<(TenantId, SessionId, Tier), Vec<RequestId>>,
    windows: BTreeMap<(TenantId, SessionId), Option<Window>>,
    leaving: BTreeSet<RequestId>,
}

impl Caller {
    fn forget(&mut self, id: &RequestId) {
        let (item, _) = self.live.remove(id).unwrap();
        let line = (item.tenant, item.session, item.tier);
        self.lines.get_mut(&line).unwrap().retain(|waiting| waiting != id);
        self.leaving.remove(id);
    }

    fn grant(&mut self, id: &RequestId) {
        let (item, runs) = self.live.get_mut(id).expect("granted items are live");
        assert!(!*runs, "granted twice");
        *runs = true;
        let line = (item.tenant.clone(), item.session.clone(), item.tier);
        let first = self.lines.get_mut(&line).unwrap().remove(0);
        assert_eq!(first, *id, "a session's items go in the order they came");
        let session = (item.tenant.clone(), item.session.clone());
        assert!(self.running() <= self.slots, "more running than slots");
        let running = self
            .live
            .values()
            .filter(|(other, runs)| *runs && (other.tenant.clone(), other.session.clone()) == session);
        if let Some(Some(window)) = self.windows.get(&session) {
            assert!(
                running.count() <= window.max_parallel as usize,
                "over the session's window"
            );
        }
    }

    fn running(&self) -> usize {
        self.live.values().filter(|(_, runs)| *runs).count()
    }

    fn absorb(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Granted(grant) => self.grant(&grant.id),
                Event::TimedOut { id, .. } => {
                    assert!(!self.live[&id].1, "a running item does not time out");
                    self.forget(&id);
                }
                Event::Preempt { id, tier } => {
                    assert!(tier != Tier::Gold && self.live[&id].1);
                    assert!(self.leaving.insert(id), "preempted twice");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn slots_windows_and_order_are_kept(ops in prop::collection::vec(any_op(), 1..120)) {
        let mut scheduler = slots(2);
        let mut caller = Caller {
            now: Millis(0),
            slots: 2,
            live: BTreeMap::new(),
            lines: BTreeMap::new(),
            windows: BTreeMap::new(),
            leaving: BTreeSet::new(),
        };
        for (at, op) in ops.into_iter().enumerate() {
            match op {
                Op::Arrive { tier, tenant, session, tokens, window, life } => {
                    let item = Item {
                        cost: Amount { tokens, usd_micros: 1 },
                        window: window.and_then(parallel),
                        deadline: life.map(|life| caller.now.plus(life)),
                        ..of_tenant(&format!("t{tenant}"), item(&format!("r{at}"), Tier::ALL[tier], &format!("s{session}")))
                    };
                    let session = (item.tenant.clone(), item.session.clone());
                    caller.windows.insert(session, item.window);
                    let line = (item.tenant.clone(), item.session.clone(), item.tier);
                    caller.lines.entry(line).or_default().push(item.id.clone());
                    caller.live.insert(item.id.clone(), (item.clone(), false));
                    if let Admission::Granted(grant) = scheduler.enqueue(caller.now, item).unwrap() {
                        caller.grant(&grant.id);
                    }
                    let events = scheduler.tick(caller.now);
                    caller.absorb(events);
                }
                Op::End(index) => {
                    let ids: Vec<RequestId> = caller.live.keys().cloned().collect();
                    if !ids.is_empty() {
                        let id = index.get(&ids);
                        caller.forget(id);
                        let events = scheduler.release(caller.now, id);
                        caller.absorb(events);
                    }
                }
                Op::Window { session, parallel: max } => {
                    let (tenant, session) = (TenantId::new("t0").unwrap(), SessionId::new(&format!("s{session}")).unwrap());
                    if caller.live.values().any(|(item, _)| item.tenant == tenant && item.session == session) {
                        caller.windows.insert((tenant.clone(), session.clone()), parallel(max));
                    }
                    let events = scheduler.set_window(caller.now, &tenant, &session, parallel(max));
                    caller.absorb(events);
                }
                Op::Slots(count) => {
                    caller.slots = count.max(caller.running());
                    let events = scheduler.set_slots(caller.now, count);
                    caller.absorb(events);
                    caller.slots = count.max(caller.running());
                }
                Op::Pass(ms) => {
                    caller.now = caller.now.plus(ms);
                    let events = scheduler.tick(caller.now);
                    caller.absorb(events);
                }
            }
            let waiting: usize = Tier::ALL.map(|tier| scheduler.waiting(tier)).iter().sum();
            let running: usize = Tier::ALL.map(|tier| scheduler.running(tier)).iter().sum();
            prop_assert_eq!(running, caller.running());
            prop_assert_eq!(waiting + running, caller.live.len());
            prop_assert!(scheduler.next_deadline() != Some(Millis(0)), "a slot is free and somebody could use it");
        }
        // in the end everybody is gone and nothing is remembered
        for id in caller.live.keys().cloned().collect::<Vec<_>>() {
            let _ = scheduler.release(caller.now, &id);
        }
        prop_assert_eq!(scheduler.next_deadline(), None);
        prop_assert!(scheduler.is_idle());
    }
}
