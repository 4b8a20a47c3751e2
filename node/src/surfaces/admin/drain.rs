//! `POST /admin/drain`: refuses new work from now on; what runs goes on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// Answers 202 with what still runs. A repeat changes nothing and tells the same.
pub(super) async fn start(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        surface.meta.drain();
        let body = json!({ "draining": true, "streams": surface.router.shared.load.streams() });
        (StatusCode::ACCEPTED, body)
    });
    reply::answer_as(&surface, &correlation, result)
}
