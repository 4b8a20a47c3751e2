use crate::meta::accounts::BeginDelete;
use crate::meta::cluster::{RemoveMember, SetPlacement};
use crate::meta::policy::ApplyPolicy;
use crate::meta::settings::PutSetting;
use crate::restore::Restorable;

use super::*;

fn context(log: &Log<Meta>) -> Context {
    Context {
        index: log.index,
        now_us: log.now_us,
    }
}

#[test]
fn another_cluster_begins_with_everything_but_the_members() {
    let mut log = three();
    log.propose(&RemoveMember { node: node(2) });
    log.propose(&SetPlacement {
        group: atp_protocol::cluster::GroupId(1),
        leader: Some(node(3)),
    });
    log.propose(&ApplyPolicy::checked("policies:\n  - id: default\n".to_owned(), None).unwrap());
    log.propose(&adapter("everywhere", None, 1));
    log.propose(&adapter("attached", Some(3), 1));
    log.propose(&account("acme", None));
    log.propose(&key("k1", "acme"));
    log.propose(&PutSetting {
        key: "timeouts.idle_ms".to_owned(),
        value: "7".to_owned(),
    });
    let before = log.machine.clone();
    log.machine.restored(&context(&log));
    let after = log.reloaded().machine;
    assert_eq!(after, log.machine, "what begins is saved and loaded as any state");
    assert_eq!(**after.cluster(), Default::default());
    let adapters: Vec<&Name> = after.adapters().iter().map(|(name, _)| name).collect();
    assert_eq!(adapters, [&name("everywhere", None)]);
    assert_eq!(after.policies(), before.policies());
    assert_eq!(after.accounts(), before.accounts());
    assert_eq!(after.keys(), before.keys());
    assert_eq!(after.settings(), before.settings());
    // Its members have the numbers that the old ones had.
    assert_eq!(log.propose(&init()), crate::meta::cluster::InitClusterReply::Made);
    assert_eq!(
        log.propose(&member(2, 1)),
        crate::meta::cluster::PutMemberReply::Put
    );
}

#[test]
fn an_account_without_a_ledger_goes_with_what_is_below_it_and_its_keys() {
    let mut log = three();
    for (id, parent) in [("acme", None), ("acme/dev", Some("acme")), ("other", None)] {
        log.propose(&account(id, parent));
    }
    log.propose(&key("k1", "acme/dev"));
    log.propose(&key("k2", "other"));
    log.propose(&BeginDelete {
        id: account_id("acme"),
    });
    log.machine.keep_accounts(&[account_id("other")].into());
    let left: Vec<&AccountId> = log.machine.accounts().iter().map(|(id, _)| id).collect();
    assert_eq!(left, [&account_id("other")]);
    assert!(!log.machine.accounts().is_deleting(&account_id("acme")));
    let keys: Vec<&str> = log.machine.keys().iter().map(|(id, _)| id).collect();
    assert_eq!(keys, ["k2"]);
    assert_eq!(log.reloaded().machine, log.machine);
}
