//! Liveness, readiness, figures.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::Surface;
use super::caller::{correlation_id, identify_admin};
use super::endpoint::{at, look};
use super::reply::{self, Shape};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/healthz", "GET, HEAD").route(look().to(alive)))
        .service(at("/readyz", "GET, HEAD").route(look().to(ready)))
        .service(at("/metrics", "GET, HEAD").route(look().to(metrics)))
        .service(at("/v1/metrics", "GET, HEAD").route(look().to(metrics)));
}

/// 200 while the process serves.
async fn alive() -> HttpResponse {
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
    member: bool,
    caught_up: bool,
    policy: bool,
    adapters: bool,
    not_draining: bool,
}

/// 200 when requests can be served, else 503 with what is missing.
async fn ready(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let status = surface.meta.status();
    let checks = Checks {
        store: status.store,
        member: status.member,
        caught_up: status.caught_up,
        policy: true,
        adapters: status.routable_adapters > 0,
        not_draining: !status.draining,
    };
    let ready = status.is_ready();
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    reply::json(&mut response, "application/json", &Readiness { ready, checks })
}

/// Prometheus text. It names tenants and what they spend, so that off loopback it is the operator's.
async fn metrics(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    if !surface.settings.open_metrics
        && let Err(fault) = identify_admin(&surface, &request)
    {
        let correlation = correlation_id(&surface, request.headers());
        return reply::fault(&surface, Shape::Problem, &fault, &correlation);
    }
    let text = surface.exposition.render();
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4"))
        .body(text)
}
