use super::*;

const DAY: u64 = 86_400_000;

fn table(keys_max: u64, bytes_max: u64) -> IdempotencyTable {
    IdempotencyTable::new(Bounds {
        ttl_ms: DAY,
        keys_max,
        bytes_max,
    })
}

fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey {
        tenant: TenantId::new("acme").unwrap(),
        key: key.to_owned(),
    }
}

fn claim(number: u64) -> Claim {
    Claim {
        node: NodeId::new(1).unwrap(),
        life: 1,
        number,
        place: Place {
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new("a").unwrap(),
        },
    }
}

fn begin(table: &mut IdempotencyTable, now: u64, name: &str, hash: u8, number: u64) -> Result<Begin, Code> {
    table
        .begin(UnixMillis(now), key(name), [hash; 32], claim(number))
        .map_err(|fault| fault.code)
}

#[test]
fn a_repeat_attaches_then_replays() {
    let mut table = table(9, 99);
    assert_eq!(begin(&mut table, 0, "k", 1, 1), Ok(Begin::Run));
    assert_eq!(begin(&mut table, 1, "k", 1, 2), Ok(Begin::Attach(claim(1))));
    assert_eq!(begin(&mut table, 1, "k", 1, 1), Ok(Begin::Run), "said again");
    assert!(table.finish(&key("k"), &claim(1), Bytes::from_static(b"final")));
    let replay = Begin::Replay(Bytes::from_static(b"final"));
    assert_eq!(begin(&mut table, DAY, "k", 1, 2), Ok(replay));
    assert!(!table.is_due(UnixMillis(DAY)) && table.is_due(UnixMillis(DAY + 1)));
    assert_eq!(begin(&mut table, DAY + 1, "k", 1, 2), Ok(Begin::Run));
}

#[test]
fn a_retryable_failure_runs_again_where_the_repeat_is() {
    let mut table = table(9, 99);
    begin(&mut table, 0, "k", 1, 1).unwrap();
    assert!(table.fail(&key("k"), &claim(1)));
    assert_eq!(begin(&mut table, 1, "k", 1, 2), Ok(Begin::Run));
    assert_eq!(begin(&mut table, 2, "k", 1, 3), Ok(Begin::Attach(claim(2))));
}

#[test]
fn what_was_lost_never_runs_again_and_is_answered_if_it_ends_after_all() {
    let mut table = table(9, 99);
    begin(&mut table, 0, "k", 1, 1).unwrap();
    assert!(table.lose(&key("k"), &claim(1)));
    assert_eq!(table.running().count(), 0);
    assert_eq!(begin(&mut table, 1, "k", 1, 2), Ok(Begin::Lost(claim(1).node)));
    assert!(table.finish(&key("k"), &claim(1), Bytes::new()));
    assert_eq!(begin(&mut table, 2, "k", 1, 2), Ok(Begin::Replay(Bytes::new())));
    assert!(!table.lose(&key("k"), &claim(1)), "it has ended");
}

#[test]
fn what_is_said_of_an_earlier_claim_changes_nothing() {
    let mut table = table(9, 99);
    begin(&mut table, 0, "k", 1, 1).unwrap();
    table.fail(&key("k"), &claim(1));
    begin(&mut table, 0, "k", 1, 2).unwrap();
    let before = table.clone();
    assert!(!table.finish(&key("k"), &claim(1), Bytes::new()));
    assert!(!table.fail(&key("k"), &claim(1)) && !table.lose(&key("k"), &claim(1)));
    assert_eq!(table, before);
}

#[test]
fn another_request_and_a_table_full_of_running_ones_are_refused() {
    let mut table = table(1, 99);
    begin(&mut table, 0, "k", 1, 1).unwrap();
    assert_eq!(begin(&mut table, 0, "k", 2, 2), Err(Code::Idem));
    assert_eq!(begin(&mut table, 0, "k", 2, 1), Err(Code::Idem));
    assert_eq!(begin(&mut table, 0, "other", 1, 2), Err(Code::Rate));
    table.lose(&key("k"), &claim(1));
    assert_eq!(begin(&mut table, 0, "other", 1, 2), Ok(Begin::Run));
}

#[test]
fn a_request_that_may_run_again_takes_no_place() {
    let mut table = table(1, 99);
    for name in ["k", "l", "m"] {
        assert_eq!(begin(&mut table, 0, name, 1, 1), Ok(Begin::Run));
        table.fail(&key(name), &claim(1));
    }
    assert!(table.entries.is_empty() && table.order.is_empty() && table.shares.is_empty());
}

#[test]
fn of_keys_and_bytes_the_tenant_that_has_most_gives_way() {
    let of = |tenant: &str, name: &str| IdempotencyKey {
        tenant: TenantId::new(tenant).unwrap(),
        key: name.to_owned(),
    };
    for (keys_max, bytes_max, large) in [(4, 9_999, 1), (99, 3_000, 1_500)] {
        let mut table = table(keys_max, bytes_max);
        let mut ask = |now, key: &IdempotencyKey, bytes| {
            let begun = table.begin(UnixMillis(now), key.clone(), [1; 32], claim(now));
            table.finish(key, &claim(now), vec![0; bytes].into());
            begun.unwrap() == Begin::Run
        };
        assert!(ask(0, &of("calm", "first"), 1));
        for now in 1..100 {
            assert!(ask(now, &of("busy", &now.to_string()), large));
        }
        assert!(!ask(100, &of("calm", "first"), 1));
        assert!(!ask(100, &of("busy", "99"), large));
        assert!(ask(100, &of("busy", "1"), large));
    }
}
