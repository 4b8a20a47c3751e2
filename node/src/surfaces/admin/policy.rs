//! `PUT /v1/admin/policy`, also `POST /v1/policies/reload`: validates a document, then swaps it in. `GET` shows what is in
//! force.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::error::{Code, Fault};
use serde::Serialize;

use crate::meta::PolicyError;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply::{self, Shape};
use crate::surfaces::{Surface, body};

/// Largest document in bytes (routing.md 1.2).
const DOCUMENT_MAX: usize = 1 << 20;

#[derive(Serialize)]
struct Applied {
    version: u64,
    previous: u64,
}

#[derive(Serialize)]
struct Rejected<'a> {
    #[serde(flatten)]
    problem: atp_protocol::error::Problem,
    lints: &'a [atp_routing::policy::Lint],
}

#[derive(Serialize)]
struct InForce<'a> {
    version: u64,
    policies: Vec<&'a str>,
    warnings: &'a [atp_routing::policy::Lint],
}

/// The policies in force, by id, and what is odd about their document.
pub(super) async fn show(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let allowed = identify_admin(&surface, &request);
    let policy = surface.meta.registry.snapshots.policy();
    let shown = InForce {
        version: policy.version,
        policies: policy.set.policies().map(|policy| &*policy.id).collect(),
        warnings: policy.set.warnings(),
    };
    reply::answer(&surface, &correlation, allowed.map(|_| shown))
}

/// Puts a document in force; a bad one leaves the one in force where it is.
pub(super) async fn apply(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let body = body::read(&surface, &request, payload, DOCUMENT_MAX).await?;
        let text = String::from_utf8(body.into())
            .map_err(|_| Fault::new(Code::Proto, "the policy document is not UTF-8"))?;
        surface.meta.apply_policy(text).await
    };
    match result.await {
        Ok((version, previous)) => reply::answer(&surface, &correlation, Ok(Applied { version, previous })),
        Err(PolicyError::Fault(fault)) => reply::fault(&surface, Shape::Problem, &fault, &correlation),
        Err(PolicyError::Rejected(lints)) => {
            let fault = Fault::new(
                Code::BadInput,
                "the policy document has errors; the one in force stays",
            );
            let rejected = Rejected {
                problem: fault.problem(&correlation),
                lints: &lints,
            };
            let media_type = atp_protocol::error::PROBLEM_JSON;
            let mut response = HttpResponse::UnprocessableEntity();
            response.insert_header(("x-correlation-id", &*correlation));
            reply::json(&mut response, media_type, &rejected)
        }
    }
}
