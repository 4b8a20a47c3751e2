//! One command of each kind, and random sequences of them.

use atp_protocol::cluster::GroupId;
use proptest::prelude::*;

use super::*;
use crate::command::{Body, encode};
use crate::meta::accounts::*;
use crate::meta::adapters::RemoveAdapter;
use crate::meta::cluster::*;
use crate::meta::keys::RevokeKey;
use crate::meta::policy::ApplyPolicy;
use crate::meta::settings::*;

fn bytes<B: Body>(command: &B) -> Vec<u8> {
    encode(command).unwrap()
}

/// One command of each kind, in the order of the table.
pub(super) fn each() -> Vec<Vec<u8>> {
    vec![
        bytes(&init()),
        bytes(&member(1, 1)),
        bytes(&RemoveMember { node: node(2) }),
        bytes(&SetDrain {
            node: node(1),
            is_draining: true,
        }),
        bytes(&SetPlacement {
            group: GroupId(3),
            leader: Some(node(1)),
        }),
        bytes(&raise(2)),
        bytes(&ApplyPolicy::checked(include_str!("policy.yaml").to_owned(), Some(0)).unwrap()),
        bytes(&adapter("a", Some(1), 300)),
        bytes(&RemoveAdapter {
            name: name("a", Some(1)),
            incarnation: 300,
        }),
        bytes(&account("acme", Some("root"))),
        bytes(&BeginDelete {
            id: account_id("acme"),
        }),
        bytes(&EndDelete {
            id: account_id("acme"),
        }),
        bytes(&CancelDelete {
            id: account_id("acme"),
        }),
        bytes(&key("k1", "acme")),
        bytes(&RevokeKey { id: "k1".to_owned() }),
        bytes(&PutSetting {
            key: "limits.rps".to_owned(),
            value: "5".to_owned(),
        }),
        bytes(&RemoveSetting {
            key: "limits.rps".to_owned(),
        }),
    ]
}

/// Commands about a few things, so that they meet each other.
pub(super) fn any_command() -> impl Strategy<Value = Vec<u8>> {
    let number = 1..4_u16;
    let id = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        Just(bytes(&init())),
        (number.clone(), 1..4_u16).prop_map(|(number, reads)| bytes(&member(number, reads))),
        number
            .clone()
            .prop_map(|number| bytes(&RemoveMember { node: node(number) })),
        (number.clone(), any::<bool>()).prop_map(|(number, is_draining)| bytes(&SetDrain {
            node: node(number),
            is_draining
        })),
        (0..10_u16, prop::option::of(number.clone())).prop_map(|(group, leader)| bytes(&SetPlacement {
            group: GroupId(group),
            leader: leader.map(node)
        })),
        (1..4_u16).prop_map(|to| bytes(&raise(to))),
        (id.clone(), prop::option::of(0..3_u64)).prop_map(|(name, expected)| {
            let text = format!("# {name}\n{}", include_str!("policy.yaml"));
            bytes(&ApplyPolicy::checked(text, expected).unwrap())
        }),
        (id.clone(), prop::option::of(number.clone()), 0..3_u64)
            .prop_map(|(id, at, incarnation)| bytes(&adapter(id, at, incarnation))),
        (id.clone(), prop::option::of(number), 0..3_u64).prop_map(|(id, at, incarnation)| bytes(
            &RemoveAdapter {
                name: name(id, at),
                incarnation
            }
        )),
        (id.clone(), prop::option::of(id.clone())).prop_map(|(id, parent)| bytes(&account(id, parent))),
        id.clone()
            .prop_map(|id| bytes(&BeginDelete { id: account_id(id) })),
        id.clone().prop_map(|id| bytes(&EndDelete { id: account_id(id) })),
        id.clone()
            .prop_map(|id| bytes(&CancelDelete { id: account_id(id) })),
        (id.clone(), id.clone()).prop_map(|(id, account)| bytes(&key(id, account))),
        id.clone().prop_map(|id| bytes(&RevokeKey { id: id.to_owned() })),
        (id.clone(), id.clone()).prop_map(|(key, value)| bytes(&PutSetting {
            key: key.to_owned(),
            value: value.to_owned()
        })),
        id.prop_map(|key| bytes(&RemoveSetting { key: key.to_owned() })),
    ]
}
