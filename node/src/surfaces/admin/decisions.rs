//! `GET /v1/decisions` and `GET /v1/audit/verify-chain`: decision records as this member has them, and whether they are whole
//! (governance.md 6.3).
//!
//! A tenant has a chain in each journal group, named `tenant/group`. Links are SHA-256 as `consensus::journal::decisions` says.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::decisions::{Chain, Decision, verify};
use atp_protocol::cluster::GroupId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::TenantId;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// Records of one answer, unless fewer are asked for.
const LIMIT_MAX: usize = 200;

/// Which records; `chain_id` may be absent where all chains are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    chain_id: Option<String>,
    from: Option<u64>,
    limit: Option<usize>,
}

/// Records of a chain from number `from` on.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| {
        let asked = asked(&request)?;
        let name = asked
            .chain_id
            .as_deref()
            .ok_or_else(|| bad("write chain_id=TENANT/GROUP"))?;
        let (tenant, group) = named(&surface, name)?;
        let (from, limit) = (asked.from.unwrap_or(0), asked.limit.unwrap_or(50).min(LIMIT_MAX));
        let (chain, records) = group.read(|journal| {
            let decisions = journal.decisions();
            let kept = decisions
                .kept()
                .filter(|kept| kept.tenant == tenant && kept.number >= from);
            let kept: Vec<Decision> = kept.take(limit).cloned().collect();
            (decisions.chain(&tenant), kept)
        });
        let last = records.last().map(|record| record.number + 1);
        Ok(json!({
            "chain_id": name,
            "next": chain.next,
            "head": hex::encode(chain.head),
            "items": records.iter().map(shown).collect::<Vec<_>>(),
            "next_cursor": last.filter(|last| *last < chain.next),
            "applied_index": group.applied(),
        }))
    });
    reply::answer(&surface, &correlation, result)
}

/// Checks the records that are kept of one chain, or of all.
pub(super) async fn check(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| {
        let asked = asked(&request)?;
        let mut chains = Vec::new();
        match &asked.chain_id {
            Some(name) => {
                let (tenant, group) = named(&surface, name)?;
                chains.extend(verdicts(group, Some(&tenant)));
            }
            None => {
                let groups = surface.meta.cluster.journals.iter();
                chains.extend(groups.flat_map(|group| verdicts(group, None)));
            }
        }
        let is_valid = chains.iter().all(|chain| chain["code"] == "ok");
        let checked = chains
            .iter()
            .filter_map(|chain| chain["entries_checked"].as_u64());
        Ok(json!({ "valid": is_valid, "entries_checked": checked.sum::<u64>(), "chains": chains }))
    });
    reply::answer(&surface, &correlation, result)
}

fn verdicts(group: &Group<Journal>, only: Option<&TenantId>) -> Vec<Value> {
    let is_asked = |tenant: &TenantId| only.is_none_or(|only| only == tenant);
    // Copied, so that the group goes on while it is hashed.
    let (chains, kept) = group.read(|journal| {
        let decisions = journal.decisions();
        let chains = decisions.chains().filter(|(tenant, _)| is_asked(tenant));
        let chains: BTreeMap<TenantId, Chain> =
            chains.map(|(tenant, chain)| (tenant.clone(), *chain)).collect();
        let kept = decisions.kept().filter(|kept| is_asked(&kept.tenant));
        (chains, kept.cloned().collect::<Vec<Decision>>())
    });
    let verdicts = verify(&chains, &kept);
    let shown = verdicts.into_iter().map(|(tenant, verdict)| {
        let chain = chains.get(&tenant).copied().unwrap_or_default();
        json!({
            "chain_id": format!("{tenant}/{}", group.id().0),
            "next": chain.next,
            "head": hex::encode(chain.head),
            "entries_checked": verdict.checked,
            "code": verdict.flaw.map_or("ok", |(_, flaw)| flaw.as_str()),
            "first_broken_at": verdict.flaw.map(|(number, _)| number),
        })
    });
    shown.collect()
}

fn shown(decision: &Decision) -> Value {
    // What a node wrote is JSON.
    let record: Option<Box<RawValue>> = serde_json::from_slice(&decision.record).ok();
    json!({
        "seq": decision.number,
        "at_us": decision.at_us,
        "prev_hash": hex::encode(decision.previous),
        "entry_hash": hex::encode(decision.link),
        "record": record,
    })
}

fn asked(request: &HttpRequest) -> Result<Asked, Fault> {
    let query = actix_web::web::Query::<Asked>::from_query(request.query_string());
    query
        .map(actix_web::web::Query::into_inner)
        .map_err(|error| bad(&error.to_string()))
}

/// The chain of that name: whose it is, and where.
fn named<'s>(surface: &'s Surface, name: &str) -> Result<(TenantId, &'s Group<Journal>), Fault> {
    let parts = name.rsplit_once('/').and_then(|(tenant, group)| {
        let group = surface.meta.cluster.journal(GroupId(group.parse().ok()?))?;
        Some((TenantId::new(tenant).ok()?, group))
    });
    parts.ok_or_else(|| bad("chain_id: write TENANT/GROUP, the number of a journal group"))
}

fn bad(why: &str) -> Fault {
    Fault::new(Code::BadInput, format!("query: {why}"))
}
