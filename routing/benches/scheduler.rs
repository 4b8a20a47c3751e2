//! A slot taken and given back: with slots free, and with a thousand waiting.

use std::hint::black_box;

use atp_protocol::ids::{RequestId, SessionId, TenantId};
use atp_protocol::units::{Amount, Millis, Tier};
use atp_routing::scheduler::{Event, Item, Scheduler, Settings};
use criterion::{Criterion, criterion_group, criterion_main};

fn item(n: u64) -> Item {
    Item {
        id: RequestId::new(&format!("r{n:020}")).expect("a valid id"),
        tier: Tier::ALL[(n % 3) as usize],
        tenant: TenantId::new(&format!("t{}", n % 7)).expect("a valid id"),
        session: SessionId::new(&format!("s{}", n % 101)).expect("a valid id"),
        cost: Amount {
            tokens: 1_000 + n % 5_000,
            usd_micros: 10,
        },
        weight: 1.0,
        tenant_weight: 1.0,
        window: None,
        deadline: None,
        is_preemptible: true,
    }
}

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("scheduler: free slot", |bencher| {
        let mut scheduler = Scheduler::new(Settings::default());
        let mut n = 0;
        bencher.iter(|| {
            n += 1;
            let item = item(n);
            let id = item.id.clone();
            let _ = black_box(scheduler.enqueue(Millis(n / 100), item));
            black_box(scheduler.release(Millis(n / 100), &id));
        });
    });
    criterion.bench_function("scheduler: a thousand waiting", |bencher| {
        let mut scheduler = Scheduler::new(Settings {
            slots: 1,
            ..Settings::default()
        });
        let mut running = item(0).id;
        for n in 0..1_000 {
            let _ = scheduler.enqueue(Millis(0), item(n));
        }
        let mut n = 1_000;
        bencher.iter(|| {
            n += 1;
            let _ = black_box(scheduler.enqueue(Millis(0), item(n)));
            for event in scheduler.release(Millis(0), &running) {
                if let Event::Granted(grant) = event {
                    running = grant.id;
                }
            }
        });
    });
}

criterion_group!(scheduler, benches);
criterion_main!(scheduler);
