use atp_routing::budget::AccountError;

use super::*;
use crate::meta::accounts::*;
use crate::meta::keys::*;

#[test]
fn accounts_form_trees_that_are_found_by_their_root() {
    let mut log = three();
    let orphan = log.propose(&account("acme/dev", Some("acme")));
    assert!(
        matches!(
            orphan,
            PutAccountReply::Refused(AccountError::UnknownParent { .. })
        ),
        "{orphan:?}"
    );
    for (id, parent) in [
        ("acme", None),
        ("acme/dev", Some("acme")),
        ("acme/dev/s", Some("acme/dev")),
    ] {
        assert_eq!(log.propose(&account(id, parent)), PutAccountReply::Put);
    }
    let moved = log.propose(&account("acme/dev/s", Some("acme")));
    assert!(
        matches!(moved, PutAccountReply::Refused(AccountError::ParentFixed { .. })),
        "{moved:?}"
    );
    let accounts = log.machine.accounts();
    assert_eq!(
        accounts.root(&account_id("acme/dev/s")),
        Some(&account_id("acme"))
    );
    assert_eq!(accounts.root(&account_id("acme")), Some(&account_id("acme")));
    assert_eq!(accounts.root(&account_id("other")), None);
}

#[test]
fn an_account_goes_only_when_nothing_depends_on_it() {
    let mut log = three();
    log.propose(&account("acme", None));
    log.propose(&account("acme/dev", Some("acme")));
    log.propose(&key("k1", "acme"));
    let begin = |id: &str| BeginDelete { id: account_id(id) };
    let in_use = BeginDeleteReply::InUse { keys: 1, children: 1 };
    assert_eq!(log.propose(&begin("acme")), in_use);
    assert_eq!(log.propose(&begin("acme/dev")), BeginDeleteReply::Begun);
    assert_eq!(log.propose(&begin("acme/dev")), BeginDeleteReply::Begun);
    assert_eq!(log.propose(&key("k2", "acme/dev")), MakeKeyReply::Deleting);
    assert_eq!(
        log.propose(&account("acme/dev", Some("acme"))),
        PutAccountReply::Deleting
    );
    assert_eq!(
        log.propose(&account("acme/dev/x", Some("acme/dev"))),
        PutAccountReply::Deleting
    );
    let end = |id: &str| EndDelete { id: account_id(id) };
    assert_eq!(log.propose(&end("acme/dev")), EndDeleteReply::Ended);
    assert_eq!(log.propose(&end("acme/dev")), EndDeleteReply::Ended);
    assert_eq!(log.propose(&end("acme")), EndDeleteReply::NotBegun);
    log.propose(&RevokeKey { id: "k1".to_owned() });
    assert_eq!(log.propose(&begin("acme")), BeginDeleteReply::Begun);
    let cancel = CancelDelete {
        id: account_id("acme"),
    };
    assert_eq!(log.propose(&cancel), CancelDeleteReply::Kept);
    assert_eq!(log.propose(&end("acme")), EndDeleteReply::NotBegun);
    assert_eq!(log.propose(&key("k2", "acme")), MakeKeyReply::Made);
    assert_eq!(log.propose(&begin("none")), BeginDeleteReply::Unknown);
}

#[test]
fn a_revoked_key_does_not_come_back() {
    let mut log = three();
    assert_eq!(log.propose(&key("k1", "acme")), MakeKeyReply::UnknownAccount);
    log.propose(&account("acme", None));
    assert_eq!(log.propose(&key("k1", "acme")), MakeKeyReply::Made);
    assert_eq!(log.propose(&key("k1", "acme")), MakeKeyReply::Made, "a repeat");
    let mut other = key("k1", "acme");
    other.key.hash = [8; 32];
    assert_eq!(log.propose(&other), MakeKeyReply::IdUsed);
    let revoke = RevokeKey { id: "k1".to_owned() };
    let (reply, effects) = log.observe(&revoke);
    assert_eq!(reply, RevokeKeyReply::Revoked);
    let revoked = Effect::KeyRevoked { id: "k1".to_owned() };
    assert_eq!(effects, [revoked, Effect::KeysChanged]);
    assert_eq!(log.observe(&revoke), (RevokeKeyReply::Revoked, vec![]));
    assert_eq!(
        log.propose(&key("k1", "acme")),
        MakeKeyReply::IdUsed,
        "an old repeat"
    );
    let mut log = log.reloaded();
    assert_eq!(log.propose(&key("k1", "acme")), MakeKeyReply::IdUsed);
    let unknown = RevokeKey { id: "k9".to_owned() };
    assert_eq!(log.propose(&unknown), RevokeKeyReply::Unknown);
}
