use super::*;
use crate::meta::adapters::*;
use crate::meta::policy::*;
use crate::meta::settings::*;

fn document(name: &str) -> String {
    format!("# {name}\n{}", include_str!("policy.yaml"))
}

fn apply(name: &str, expected: Option<u64>) -> ApplyPolicy {
    ApplyPolicy::checked(document(name), expected).unwrap()
}

#[test]
fn a_policy_is_checked_before_it_is_proposed() {
    let lints = ApplyPolicy::checked("policies: {".to_owned(), None).unwrap_err();
    assert!(!lints.is_empty());
}

#[test]
fn policies_count_up_and_a_stale_replacement_is_refused() {
    let mut log = three();
    let (reply, effects) = log.observe(&apply("a", Some(0)));
    assert_eq!(reply, ApplyPolicyReply::Applied { version: 1 });
    assert_eq!(effects, [Effect::PolicyApplied { version: 1 }]);
    let (reply, effects) = log.observe(&apply("a", Some(0)));
    assert_eq!(reply, ApplyPolicyReply::Applied { version: 1 }, "a repeat");
    assert_eq!(effects, []);
    assert_eq!(
        log.propose(&apply("b", Some(0))),
        ApplyPolicyReply::Moved { version: 1 }
    );
    assert_eq!(
        log.propose(&apply("b", None)),
        ApplyPolicyReply::Applied { version: 2 }
    );
    let in_force = log.machine.policies().in_force().unwrap();
    assert_eq!(
        in_force.digest,
        *blake3::hash(document("b").as_bytes()).as_bytes()
    );
    for n in 0..20 {
        log.propose(&apply(&format!("c{n}"), None));
    }
    let earlier: Vec<u64> = log
        .machine
        .policies()
        .earlier()
        .map(|document| document.version)
        .collect();
    assert_eq!((earlier.len(), earlier[0], earlier[15]), (KEPT_MAX, 21, 6));
}

#[test]
fn the_later_registration_of_an_adapter_counts_in_whichever_order_they_arrive() {
    let mut log = three();
    assert_eq!(
        log.propose(&adapter("a", Some(9), 1)),
        PutAdapterReply::UnknownMember
    );
    assert_eq!(log.propose(&adapter("a", Some(1), 5)), PutAdapterReply::Put);
    assert_eq!(log.propose(&adapter("a", Some(1), 5)), PutAdapterReply::Put);
    let otherwise = |incarnation| {
        let mut put = adapter("a", Some(1), incarnation);
        put.adapter.spec = vec![4];
        put
    };
    let superseded = PutAdapterReply::Superseded { incarnation: 5 };
    assert_eq!(log.propose(&otherwise(5)), superseded);
    assert_eq!(log.propose(&otherwise(4)), superseded);
    assert_eq!(log.propose(&otherwise(6)), PutAdapterReply::Put);
    let remove = |incarnation| RemoveAdapter {
        name: name("a", Some(1)),
        incarnation,
    };
    assert_eq!(
        log.propose(&remove(5)),
        RemoveAdapterReply::Superseded { incarnation: 6 }
    );
    assert_eq!(log.propose(&remove(6)), RemoveAdapterReply::Removed);
    assert_eq!(log.observe(&remove(6)), (RemoveAdapterReply::Removed, vec![]));
    let mut long = adapter("a", None, 1);
    long.adapter.spec = vec![0; SPEC_MAX + 1];
    assert_eq!(log.propose(&long), PutAdapterReply::TooLong);
}

#[test]
fn an_adapter_has_a_row_for_each_place_and_owner() {
    let mut log = three();
    let mut of_acme = adapter("a", Some(1), 1);
    of_acme.name.owner = Some(TenantId::new("acme").unwrap());
    for put in [adapter("a", Some(1), 1), adapter("a", Some(2), 1), of_acme] {
        assert_eq!(log.propose(&put), PutAdapterReply::Put);
    }
    log.propose(&RemoveAdapter {
        name: name("a", Some(1)),
        incarnation: 1,
    });
    let left: Vec<_> = log
        .machine
        .adapters()
        .iter()
        .map(|(name, _)| (name.node, name.owner.is_some()))
        .collect();
    assert_eq!(left, [(Some(node(2)), false), (Some(node(1)), true)]);
    assert_eq!(log.reloaded(), log);
}

#[test]
fn what_adapters_say_of_themselves_is_bounded() {
    let mut log = three();
    let large = |n: usize| {
        let mut put = adapter(&format!("a{n}"), None, 1);
        put.adapter.spec = vec![0; SPEC_MAX];
        put
    };
    for n in 0..SPECS_MAX / SPEC_MAX {
        assert_eq!(log.propose(&large(n)), PutAdapterReply::Put);
    }
    assert_eq!(log.propose(&adapter("more", None, 1)), PutAdapterReply::TooMany);
    assert_eq!(
        log.propose(&adapter("a0", None, 2)),
        PutAdapterReply::Put,
        "smaller than before"
    );
    assert_eq!(log.propose(&adapter("more", None, 1)), PutAdapterReply::Put);
    assert_eq!(log.reloaded(), log);
}

#[test]
fn settings_change_within_their_bounds() {
    let mut log = three();
    let put = |key: &str, value: &str| PutSetting {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        log.observe(&put("limits.rps", "5")),
        (PutSettingReply::Put, vec![Effect::SettingsChanged])
    );
    assert_eq!(
        log.observe(&put("limits.rps", "5")),
        (PutSettingReply::Put, vec![])
    );
    assert_eq!(log.machine.settings().get("limits.rps"), Some("5"));
    assert_eq!(
        log.propose(&put(&"k".repeat(KEY_MAX + 1), "")),
        PutSettingReply::TooLong
    );
    for n in 1..SETTINGS_MAX {
        log.propose(&put(&format!("k{n}"), ""));
    }
    assert_eq!(log.propose(&put("more", "")), PutSettingReply::TooMany);
    let remove = RemoveSetting {
        key: "limits.rps".to_owned(),
    };
    assert_eq!(log.observe(&remove).1, [Effect::SettingsChanged]);
    assert_eq!(log.observe(&remove).1, []);
    assert_eq!(log.propose(&put("more", "")), PutSettingReply::Put);
}

#[test]
fn a_section_says_when_it_changed_last() {
    let mut log = three();
    let settings = log.machine.settings().generation();
    log.propose(&account("acme", None));
    assert_eq!(log.machine.accounts().generation(), log.index);
    log.propose(&account("acme", None));
    assert_eq!(
        log.machine.accounts().generation(),
        log.index - 1,
        "nothing changed"
    );
    assert_eq!(log.machine.settings().generation(), settings);
}
