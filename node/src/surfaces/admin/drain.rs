//! `POST /admin/drain`: refuses new work from now on; what runs goes on.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// Answers 202 with what still runs. A repeat changes nothing and tells the same.
pub(super) async fn start(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    if let Err(fault) = identify_admin(&surface, &request) {
        return reply::fault(&surface, reply::Shape::Problem, &fault, &correlation);
    }
    surface.meta.drain();
    let body = json!({ "draining": true, "streams": surface.router.shared.load.streams() });
    reply::json(&mut HttpResponse::Accepted(), "application/json", &body)
}
