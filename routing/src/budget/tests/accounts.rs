use super::*;
use crate::budget::{AccountError, Bounds, Component};

fn propose(ledger: &Ledger, id: &str, parent: Option<&str>, limits: Limits) -> Result<Record, AccountError> {
    ledger.propose_account(&account_id(id), parent.map(account_id).as_ref(), limits)
}

#[test]
fn an_account_keeps_its_place_in_the_tree() {
    let ledger = tree();
    let open = Limits::default();
    let unknown = propose(&ledger, "x", Some("nobody"), open);
    assert_eq!(
        unknown,
        Err(AccountError::UnknownParent {
            parent: account_id("nobody")
        })
    );
    let own = propose(&ledger, "x", Some("x"), open);
    assert!(matches!(own, Err(AccountError::Cycle { .. })), "{own:?}");
    let below = propose(&ledger, "t", Some("s"), open);
    assert!(matches!(below, Err(AccountError::Cycle { .. })), "{below:?}");
    let moved = propose(&ledger, "s", Some("t"), open);
    assert!(
        matches!(moved, Err(AccountError::ParentFixed { .. })),
        "{moved:?}"
    );
}

#[test]
fn a_limit_is_not_set_below_what_is_settled_and_held() {
    let mut ledger = tree();
    take(&mut ledger, "r", hold("p", 300, 200));
    let refused = propose(&ledger, "t", None, limits(299, 1_000, 4));
    assert_eq!(
        refused,
        Err(AccountError::LimitBelowUse {
            id: account_id("t"),
            component: Component::Tokens,
            limit: 299,
            in_use: 300
        })
    );
    let record = propose(&ledger, "t", None, limits(300, 200, 0)).unwrap();
    commit(&mut ledger, &record);
    assert_eq!(ledger.remaining(&account_id("s")), Some(Amount::ZERO));
}

#[test]
fn accounts_and_levels_are_bounded() {
    let mut ledger = Ledger::new(Bounds {
        accounts: 2,
        depth: 1,
        ..Bounds::default()
    });
    put(&mut ledger, "a", None, Limits::default());
    let deep = propose(&ledger, "b", Some("a"), Limits::default());
    assert!(
        matches!(deep, Err(AccountError::TooDeep { max: 1, .. })),
        "{deep:?}"
    );
    put(&mut ledger, "b", None, Limits::default());
    let third = propose(&ledger, "c", None, Limits::default());
    assert_eq!(third, Err(AccountError::TooMany { max: 2 }));
    assert!(propose(&ledger, "b", None, limits(1, 1, 1)).is_ok());
}

#[test]
fn closing_an_account_leaves_its_spending_with_the_parent() {
    let mut ledger = tree();
    take(&mut ledger, "r", hold("s", 100, 100));
    let busy = ledger.propose_close(&account_id("s"));
    assert!(
        matches!(busy, Err(AccountError::InUse { in_flight: 1, .. })),
        "{busy:?}"
    );
    let parent = ledger.propose_close(&account_id("p"));
    assert!(
        matches!(parent, Err(AccountError::InUse { children: 1, .. })),
        "{parent:?}"
    );
    let record = ledger
        .propose_settle(
            NOW,
            &hold_id("r"),
            amount(70, 60),
            atp_protocol::adapter::UsageSource::Reported,
        )
        .unwrap();
    commit(&mut ledger, &record);
    let record = ledger.propose_close(&account_id("s")).unwrap();
    commit(&mut ledger, &record);
    assert!(ledger.account(&account_id("s")).is_none());
    assert_eq!(
        ledger.account(&account_id("p")).unwrap().balance().settled,
        amount(70, 60)
    );
    assert!(ledger.propose_close(&account_id("p")).is_ok());
}
