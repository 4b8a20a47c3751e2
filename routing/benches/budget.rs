//! A hold and its settlement: against the ledger, and against a slice of it.

use std::hint::black_box;

use atp_protocol::adapter::UsageSource;
use atp_protocol::ids::{AccountId, RequestId};
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::budget::{Hold, Ledger, Limits, Slice};
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: UnixMillis = UnixMillis(1);
const LATER: UnixMillis = UnixMillis(60_000);
const AMOUNT: Amount = Amount {
    tokens: 1_000,
    usd_micros: 2_000,
};

fn account(text: &str) -> AccountId {
    AccountId::new(text).expect("a valid id")
}

/// A thousand sessions below ten projects of one tenant, a thousand holds live.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    let mut put = |id: &str, parent: Option<&str>| {
        let parent = parent.map(account);
        let record = ledger
            .propose_account(&account(id), parent.as_ref(), Limits::default())
            .expect("accounts fit");
        let _ = ledger.apply(&record);
    };
    put("tenant", None);
    for project in 0..10 {
        put(&format!("project{project}"), Some("tenant"));
        for session in 0..100 {
            put(
                &format!("session{project}.{session}"),
                Some(&format!("project{project}")),
            );
        }
    }
    for n in 0..1_000 {
        let id = RequestId::new(&format!("live{n}")).expect("a valid id");
        let hold = Hold::request(account("session1.1"), AMOUNT, LATER);
        let record = ledger.propose_hold(NOW, &id, hold).expect("holds fit");
        let _ = ledger.apply(&record);
    }
    ledger
}

fn ids() -> impl Iterator<Item = RequestId> {
    (0_u64..).map(|n| RequestId::new(&format!("r{n:020}")).expect("a valid id"))
}

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("ledger: hold and settle", |bencher| {
        let (mut ledger, mut ids, mut bytes) = (ledger(), ids(), Vec::new());
        let session = account("session5.50");
        bencher.iter(|| {
            let id = ids.next().expect("ids do not end");
            let hold = Hold::request(session.clone(), AMOUNT, LATER);
            let held = ledger.propose_hold(NOW, &id, hold).expect("the hold fits");
            held.encode_into(&mut bytes);
            let _ = black_box(ledger.apply(&held));
            let settled = ledger
                .propose_settle(NOW, &id, AMOUNT, UsageSource::Reported)
                .expect("the hold is live");
            settled.encode_into(&mut bytes);
            let _ = black_box(ledger.apply(&settled));
            bytes.clear();
        });
    });
    criterion.bench_function("slice: take and settle", |bencher| {
        let lease = Hold {
            calls: 1_000,
            ..Hold::request(account("tenant"), AMOUNT, LATER)
        };
        let (mut slice, mut ids) = (Slice::new(lease), ids());
        bencher.iter(|| {
            let id = ids.next().expect("ids do not end");
            slice.extend(AMOUNT, 0);
            slice.take(&id, AMOUNT, LATER).expect("the hold fits");
            slice
                .settle(&id, AMOUNT, UsageSource::Reported)
                .expect("the hold is live");
            black_box(slice.report());
        });
    });
}

criterion_group!(budget, benches);
criterion_main!(budget);
