mod accounts;
mod cluster;
mod format;
mod laws;
mod restored;
mod samples;
mod sections;

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{AccountId, AdapterId, TenantId};
use atp_protocol::units::{Tier, UnixMillis};
use atp_routing::budget::Limits;

use super::accounts::PutAccount;
use super::adapters::{Adapter, Name, PutAdapter};
use super::cluster::{Identity, InitCluster, PutMember, RaiseVersion};
use super::keys::{Key, MakeKey};
use super::*;
use crate::harness::Log;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn account_id(id: &str) -> AccountId {
    AccountId::new(id).unwrap()
}

fn init() -> InitCluster {
    InitCluster {
        identity: Identity {
            id: "c-1".to_owned(),
            journals: 8,
        },
        version: 1,
        release: "0.1.0".to_owned(),
    }
}

fn member(number: u16, reads: u16) -> PutMember {
    PutMember {
        node: node(number),
        name: format!("n{number}"),
        link: format!("10.0.0.{number}:7444"),
        api: format!("https://10.0.0.{number}:7443"),
        reads,
    }
}

fn raise(to: u16) -> RaiseVersion {
    RaiseVersion {
        to,
        release: format!("0.{to}.0"),
    }
}

fn name(id: &str, at: Option<u16>) -> Name {
    Name {
        id: AdapterId::new(id).unwrap(),
        owner: None,
        node: at.map(node),
    }
}

fn adapter(id: &str, at: Option<u16>, incarnation: u64) -> PutAdapter {
    PutAdapter {
        name: name(id, at),
        adapter: Adapter {
            incarnation,
            spec: vec![1, 2, 3],
        },
    }
}

fn account(id: &str, parent: Option<&str>) -> PutAccount {
    PutAccount {
        id: account_id(id),
        parent: parent.map(account_id),
        limits: Limits {
            limit_tokens: Some(1_000),
            limit_usd_micros: None,
            max_parallel: Some(4),
        },
    }
}

fn key(id: &str, account: &str) -> MakeKey {
    MakeKey {
        id: id.to_owned(),
        key: Key {
            hash: [7; 32],
            tenant: TenantId::new("acme").unwrap(),
            account: account_id(account),
            label: "ci".to_owned(),
            may_declare_agents: true,
            tier_max: Tier::Silver,
            made_at: Some(UnixMillis(5)),
        },
    }
}

/// A cluster of three members.
fn three() -> Log<Meta> {
    let mut log = Log::new();
    log.propose(&init());
    for number in 1..=3 {
        log.propose(&member(number, 1));
    }
    log
}
