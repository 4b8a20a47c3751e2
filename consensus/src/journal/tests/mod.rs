mod decisions;
mod format;
mod laws;
mod leases;
mod member;
mod requests;
mod restored;
mod resumption;
mod samples;
mod streams;
mod system;

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{AccountId, SessionId, StreamId, TenantId};
use atp_protocol::resume::{Binding, ResumeToken, TOKEN_BYTES};
use atp_protocol::units::{Amount, Tier};
use atp_routing::budget::home::{Grant, Statement};
use atp_routing::budget::{HoldId, Limits, Report};

use super::ledger::{GrantLease, PutLimits, TakeStatement};
use super::streams::{FinishStream, NewToken, OpenStream};
use super::*;
use crate::harness::Log;

/// How long leases are good for.
const TTL_MS: u64 = 15_000;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn account_id(id: &str) -> AccountId {
    AccountId::new(id).unwrap()
}

fn hold_id(id: &str) -> HoldId {
    HoldId::new(id).unwrap()
}

const fn amount(tokens: u64, usd_micros: u64) -> Amount {
    Amount { tokens, usd_micros }
}

fn limits(account: &str, parent: Option<&str>, limit: u64) -> PutLimits {
    PutLimits {
        account: account_id(account),
        parent: parent.map(account_id),
        limits: Limits {
            limit_tokens: Some(limit),
            limit_usd_micros: Some(limit),
            max_parallel: None,
        },
    }
}

fn ask(number: u16, lease: &str, account: &str, ask: u64, lacking: Amount) -> GrantLease {
    GrantLease {
        node: node(number),
        grant: Grant {
            lease: hold_id(lease),
            account: account_id(account),
            number: ask,
            lacking,
            calls: 1,
            demand: Amount::ZERO,
        },
        ttl_ms: TTL_MS,
    }
}

fn say(number: u16, lease: &str, report: Option<Report>, ends: bool) -> TakeStatement {
    TakeStatement {
        node: node(number),
        statement: Statement {
            lease: hold_id(lease),
            report,
            ends,
        },
        ttl_ms: TTL_MS,
    }
}

fn spent(number: u64, spent: Amount) -> Report {
    Report {
        number,
        spent,
        ..Report::default()
    }
}

const fn tick() -> Tick {
    Tick {
        session_ttl_ms: 3_600_000,
    }
}

/// `t` (1000 tokens and micros) over `a` (600) and `b` (700).
fn tree() -> Log<Journal> {
    let mut log = Log::new();
    for (id, parent, limit) in [("t", None, 1_000), ("a", Some("t"), 600), ("b", Some("t"), 700)] {
        log.propose(&limits(id, parent, limit));
    }
    log
}

fn stream_id(session: &str, stream: &str) -> Binding {
    Binding {
        tenant: TenantId::new("acme").unwrap(),
        session: SessionId::new(session).unwrap(),
        stream: StreamId::new(stream).unwrap(),
    }
}

fn token(byte: u8) -> NewToken {
    NewToken {
        hash: ResumeToken::new([byte; TOKEN_BYTES]).hash(),
        ttl_ms: 300_000,
    }
}

/// Owned by node 1.
fn open(session: &str, stream: &str, key: Option<&str>) -> OpenStream {
    OpenStream {
        stream: stream_id(session, stream),
        owner: node(1),
        qos: Tier::Silver,
        budget: amount(100, 200),
        request: b"what?".to_vec(),
        token: None,
        idempotency_key: key.map(str::to_owned),
    }
}

/// Under which epoch a stream is written.
fn epoch(log: &Log<Journal>, session: &str, stream: &str) -> u64 {
    log.machine
        .streams()
        .get(&stream_id(session, stream))
        .map_or(0, |stream| stream.epoch)
}

fn finish(session: &str, stream: &str, epoch: u64, outcome: &[u8]) -> FinishStream {
    FinishStream {
        stream: stream_id(session, stream),
        epoch,
        outcome: outcome.to_vec(),
    }
}
