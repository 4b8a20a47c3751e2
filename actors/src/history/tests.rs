use atp_protocol::ids::TenantId;
use futures_util::FutureExt;

use super::*;

const ALL: usize = 9;

fn share(pool: &Arc<Pool>, tenant: &str) -> Arc<Share> {
    pool.share(&TenantId::new(tenant).unwrap())
}

/// The share of a tenant that may have so many bytes.
fn share_of(bytes: usize) -> Arc<Share> {
    share(&Pool::new(4 * bytes), "acme")
}

fn read(reader: &mut Reader<u32>) -> Vec<Read<u32>> {
    std::iter::from_fn(|| reader.next().now_or_never().flatten()).collect()
}

#[test]
fn every_reader_gets_everything_from_where_it_begins() {
    let history = History::new(100, Unread::Keep, share_of(1_000));
    history.push(1, 10);
    let mut early = history.reader(0, ALL).unwrap();
    history.push(2, 10);
    let mut late = history.reader(1, ALL).unwrap();
    assert_eq!(read(&mut early), [Read::Item(1), Read::Item(2)]);
    assert_eq!(read(&mut late), [Read::Item(2)]);
    assert_eq!(late.next().now_or_never(), None, "there is more to come");
    history.push(3, 10);
    history.close();
    history.push(4, 10);
    assert_eq!(read(&mut late), [Read::Item(3)]);
    assert_eq!(late.next().now_or_never(), Some(None));
}

#[test]
fn what_nobody_took_is_kept_and_the_writer_waits() {
    let history = History::new(30, Unread::Keep, share_of(1_000));
    for item in 0..3 {
        history.push(item, 10);
    }
    assert!(history.room().now_or_never().is_none());
    let mut reader = history.reader(0, ALL).unwrap();
    assert_eq!(reader.next().now_or_never(), Some(Some(Read::Item(0))));
    assert!(history.room().now_or_never().is_some());
    history.push(3, 10);
    assert_eq!(history.snapshot(), (1, vec![1, 2, 3]));
}

#[test]
fn a_slow_reader_learns_what_it_lost() {
    let history = History::new(30, Unread::Keep, share_of(1_000));
    let mut fast = history.reader(0, ALL).unwrap();
    let mut slow = history.reader(0, ALL).unwrap();
    for item in 0..5 {
        history.push(item, 10);
        assert_eq!(read(&mut fast), [Read::Item(item)]);
    }
    assert_eq!(
        read(&mut slow),
        [Read::Gap(2), Read::Item(2), Read::Item(3), Read::Item(4)]
    );
}

#[test]
fn without_readers_the_oldest_give_way_where_that_is_wanted() {
    let history = History::new(30, Unread::Drop, share_of(1_000));
    for item in 0..5 {
        assert!(history.has_room());
        history.push(item, 10);
    }
    assert_eq!(history.snapshot(), (2, vec![2, 3, 4]));
    let mut reader = history.reader(2, ALL).unwrap();
    history.push(5, 10);
    assert!(!history.has_room());
    assert_eq!(read(&mut reader).len(), 4);
    assert!(history.has_room());
}

#[test]
fn a_full_pool_leaves_every_history_its_floor_and_wakes_who_waits_for_more() {
    let pool = Pool::new(16 * FLOOR);
    let keep = |tenant| History::new(16 * FLOOR, Unread::Keep, share(&pool, tenant));
    let mut greedy = ["a", "b", "c", "d"].map(keep).to_vec();
    for history in &greedy {
        history.push(1, 4 * FLOOR);
    }
    assert!(!greedy[0].has_room(), "the pool is used up");
    let modest = keep("modest");
    assert!(modest.has_room(), "it has not had its floor");
    modest.push(1, FLOOR);
    let mut room = Box::pin(modest.room());
    assert!((&mut room).now_or_never().is_none());
    greedy.pop();
    assert!((&mut room).now_or_never().is_some());
}

#[test]
fn a_tenant_at_its_share_leaves_the_others_theirs() {
    let pool = Pool::new(16 * FLOOR);
    let keep = |tenant| History::new(16 * FLOOR, Unread::Keep, share(&pool, tenant));
    let (one, two, theirs) = (keep("busy"), keep("busy"), keep("calm"));
    one.push(1, 4 * FLOOR);
    two.push(1, FLOOR);
    assert!(!one.has_room() && !two.has_room(), "both have the tenant's share");
    theirs.push(1, 3 * FLOOR);
    assert!(theirs.has_room(), "it has a share of its own");
    let mut room = Box::pin(two.room());
    assert!((&mut room).now_or_never().is_none());
    drop(one);
    assert!((&mut room).now_or_never().is_some());
}

#[test]
fn a_tenant_without_histories_leaves_nothing_behind() {
    let pool = Pool::new(FLOOR);
    let (kept, gone) = (share(&pool, "a"), share(&pool, "b"));
    assert!(
        Arc::ptr_eq(&kept, &share(&pool, "a")),
        "one for all its histories"
    );
    drop(gone);
    assert_eq!(pool.shares().len(), 1);
}

#[test]
fn with_a_full_share_what_was_read_gives_way_first() {
    let history = History::new(4 * FLOOR, Unread::Keep, share_of(FLOOR));
    let mut reader = history.reader(0, ALL).unwrap();
    for item in 0..3 {
        history.push(item, FLOOR);
        assert_eq!(read(&mut reader), [Read::Item(item)]);
    }
    assert_eq!(history.snapshot(), (2, vec![2]));
}

#[test]
fn readers_are_counted() {
    let history = History::<u32>::new(30, Unread::Keep, share_of(1_000));
    let reader = history.reader(0, 1).unwrap();
    assert!(history.reader(0, 1).is_none());
    drop(reader);
    assert!(history.reader(0, 1).is_some());
}
