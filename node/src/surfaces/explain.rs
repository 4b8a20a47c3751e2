//! `GET /v1/explain/{request-id}`: how a request was decided and what became of it. `GET /v1/admin/explain/{request-id}`
//! shows the operator everybody's.

use actix_web::web::{Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::session::Explained;
use atp_protocol::error::Fault;
use atp_protocol::ids::RequestId;
use serde_json::{Value, json};

use super::Surface;
use super::caller::{correlation_id, identify, identify_admin};
use super::endpoint::{at, look};
use super::reply;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/v1/explain/{id}", "GET, HEAD").route(look().to(own)))
        .service(at("/v1/admin/explain/{id}", "GET, HEAD").route(look().to(any)));
}

async fn own(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = identify(&surface, &request).and_then(|identity| {
        let explained = find(&surface, &path)?;
        // Another tenant's request is as unknown as one that never was.
        let is_own = explained.tenant == identity.tenant || identity.is_admin;
        is_own.then(|| shown(&explained)).ok_or_else(|| unknown(&path))
    });
    reply::answer(&surface, &correlation_id, result)
}

async fn any(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| Ok(shown(&find(&surface, &path)?)));
    reply::answer(&surface, &correlation_id, result)
}

fn find(surface: &Surface, id: &str) -> Result<Explained, Fault> {
    let request = RequestId::new(id).map_err(|_| unknown(id))?;
    surface.router.decisions.get(&request).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Fault {
    let detail = format!(
        "no request {id} among the last ones decided at this node; each node knows its own, so ask the others too; ids are in `x-atp-hold`"
    );
    Fault::no_such(detail)
}

fn shown(explained: &Explained) -> Value {
    json!({
        "request_id": explained.request,
        "tenant": explained.tenant,
        "route_reason": explained.decision.route_reason(),
        "decision": explained.decision.trace(),
        "audit": explained.audit.as_deref(),
    })
}
