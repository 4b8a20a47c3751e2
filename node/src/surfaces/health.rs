//! Liveness, readiness, figures.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::{Surface, reply};

/// 200 while the process serves.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    store: bool,
    policy: bool,
    adapters: bool,
    not_draining: bool,
}

/// 200 when requests can be served, else 503 with what is missing.
pub(super) async fn ready(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let status = surface.meta.status();
    let checks = Checks {
        store: status.store,
        policy: true,
        adapters: status.routable_adapters > 0,
        not_draining: !status.draining,
    };
    let ready = checks.store && checks.adapters && checks.not_draining;
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    reply::json(&mut response, "application/json", &Readiness { ready, checks })
}

/// Prometheus text.
pub(super) async fn metrics(request: HttpRequest) -> HttpResponse {
    let text = Surface::of(&request).exposition.render();
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4"))
        .body(text)
}
