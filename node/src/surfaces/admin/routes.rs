//! `GET /v1/admin/routes`: the table requests are routed by.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply::{self, Shape};

#[derive(Serialize)]
struct Shown<'a, C> {
    policy_version: u64,
    fib_hash: String,
    names: Vec<&'a str>,
    candidates: C,
    unroutable: Vec<Value>,
}

/// Every candidate, the names it is found by, and the adapters that have none.
pub(super) async fn table(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    if let Err(fault) = identify_admin(&surface, &request) {
        let correlation = correlation_id(&surface, request.headers());
        return reply::fault(&surface, Shape::Problem, &fault, &correlation);
    }
    let snapshots = &surface.meta.registry.snapshots;
    let fib = snapshots.fib();
    let unroutable = fib.unroutable().iter();
    reply::ok(&Shown {
        policy_version: snapshots.policy().version,
        fib_hash: hex::encode(fib.hash()),
        names: fib.names().collect(),
        candidates: fib.candidates(),
        unroutable: unroutable
            .map(|(id, reason)| json!({ "id": id, "reason": reason }))
            .collect(),
    })
}
