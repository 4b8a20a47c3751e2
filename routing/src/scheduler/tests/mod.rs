//! The scheduler as callers see it; [`law`] has what holds whatever happens.

mod law;
mod preemption;
mod queueing;

use atp_protocol::ids::{RequestId, SessionId, TenantId};
use atp_protocol::units::{Amount, Millis, Tier, Window};

use super::{Admission, Event, Item, Refused, Scheduler, Settings};

fn id(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

/// Tenant `t`, one thousand tokens, no window, no deadline.
fn item(name: &str, tier: Tier, session: &str) -> Item {
    Item {
        id: id(name),
        tier,
        tenant: TenantId::new("t").unwrap(),
        session: SessionId::new(session).unwrap(),
        cost: Amount {
            tokens: 1_000,
            usd_micros: 10,
        },
        weight: 1.0,
        tenant_weight: 1.0,
        window: None,
        deadline: None,
        is_preemptible: true,
    }
}

fn of_tenant(tenant: &str, item: Item) -> Item {
    Item {
        tenant: TenantId::new(tenant).unwrap(),
        ..item
    }
}

fn slots(slots: usize) -> Scheduler {
    Scheduler::new(Settings {
        slots,
        ..Settings::default()
    })
}

const fn parallel(max_parallel: u32) -> Option<Window> {
    Some(Window {
        max_parallel,
        ..Window::MAX
    })
}

fn granted(events: &[Event]) -> Vec<&str> {
    let mut ids = Vec::new();
    for event in events {
        if let Event::Granted(grant) = event {
            ids.push(grant.id.as_str());
        }
    }
    ids
}

/// Queues a call that holds the only slot as `busy` first.
fn busy() -> Scheduler {
    let mut scheduler = slots(1);
    let admission = scheduler.enqueue(Millis(0), item("busy", Tier::Silver, "busy"));
    assert!(matches!(admission, Ok(Admission::Granted(_))));
    scheduler
}

fn queue(scheduler: &mut Scheduler, now: u64, item: Item) {
    assert_eq!(scheduler.enqueue(Millis(now), item), Ok(Admission::Queued));
}

/// Releases whoever runs, one after the other; returns who came next each time.
fn drain(scheduler: &mut Scheduler, now: u64, first: &str, count: usize) -> Vec<String> {
    let mut order = Vec::new();
    let mut running = first.to_owned();
    for _ in 0..count {
        let events = scheduler.release(Millis(now), &id(&running));
        let [next] = granted(&events)[..] else {
            panic!("{events:?}")
        };
        running = next.to_owned();
        order.push(running.clone());
    }
    order
}
