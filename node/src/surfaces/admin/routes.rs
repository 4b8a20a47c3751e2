//! `GET /v1/admin/routes`: the table requests are routed by.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::ids::AdapterId;
use atp_routing::fib::{Fib, Unroutable};
use serde::Serialize;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

#[derive(Serialize)]
struct Shown<'a, C> {
    policy_version: u64,
    fib_hash: String,
    names: Vec<&'a str>,
    candidates: C,
    unroutable: Vec<Value>,
    tenants: BTreeMap<&'a str, Value>,
}

/// Every candidate that serves everybody, the names it is found by, and the adapters that have none; then what each tenant
/// has beside these.
pub(super) async fn table(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let allowed = identify_admin(&surface, &request);
    let snapshots = &surface.meta.registry.snapshots;
    let fibs = snapshots.fibs();
    let fib = &fibs.everybodys;
    let shown = Shown {
        policy_version: snapshots.policy().version,
        fib_hash: hex::encode(fib.hash()),
        names: fib.names().collect(),
        candidates: fib.candidates(),
        unroutable: fib.unroutable().iter().map(unroutable).collect(),
        tenants: fibs
            .tenants
            .iter()
            .map(|(tenant, own)| (tenant.as_str(), beside(fib, own)))
            .collect(),
    };
    reply::answer(&surface, &correlation, allowed.map(|_| shown))
}

fn unroutable((id, reason): &(AdapterId, Unroutable)) -> Value {
    json!({ "id": id, "reason": reason })
}

/// What a tenant's table has that everybody's has not.
fn beside(everybodys: &Fib, own: &Fib) -> Value {
    let shared: BTreeSet<&str> = everybodys.candidates().iter().map(|of| &*of.id).collect();
    let candidates = own.candidates().iter().filter(|of| !shared.contains(&*of.id));
    let reasons = own.unroutable().iter();
    json!({
        "fib_hash": hex::encode(own.hash()),
        "candidates": candidates.collect::<Vec<_>>(),
        "unroutable": reasons.filter(|of| !everybodys.unroutable().contains(of)).map(unroutable).collect::<Vec<_>>(),
    })
}
