//! `GET /v1/capabilities`: what this node speaks and allows (atp.md section 25).

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use atp_protocol::limits::Limits;
use atp_protocol::payload::Kind;
use atp_protocol::units::Tier;
use atp_routing::reconcile::Strategy;
use atp_routing::scheduler;
use serde_json::{Value, json};

use super::Surface;
use super::caller::{correlation_id, identify};
use super::endpoint::{at, look};
use super::reply;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/v1/capabilities", "GET, HEAD").route(look().to(get)));
}

async fn get(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = identify(&surface, &request).map(|identity| shown(&surface, identity.tier_max));
    reply::answer(&surface, &correlation_id, result)
}

fn shown(surface: &Surface, tier_max: Tier) -> Value {
    let settings = &surface.settings;
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let strategies: Vec<&str> = Strategy::ALL.iter().map(|strategy| strategy.as_str()).collect();
    json!({
        "router_id": settings.router_id,
        "version": "1.1",
        "software_version": env!("CARGO_PKG_VERSION"),
        "versions": ["1.0", "1.1"],
        "level": 1,
        "encodings": ["json", "cbor"],
        "compressions": ["zstd", "deflate"],
        "subprotocols": ["atp.v1.json", "atp.v1.cbor"],
        "dialects": match settings.accepts_dialects { true => &["ts", "go", "py"][..], false => &[] },
        "surfaces": ["atp-ws", "atp-http", "openai", "anthropic"],
        "payload_types": kinds,
        "reconciliation": strategies,
        "features": {
            "streams": true,
            "idempotency": true,
            "resume": true,
            "http_resume": true,
            "verify_frame": surface.frames.is_enabled(),
        },
        "limits": limits(surface),
        "tiers": tiers(&surface.router.settings.scheduler, tier_max),
    })
}

fn limits(surface: &Surface) -> Value {
    let limits = Limits::DEFAULT;
    json!({
        "max_frame_bytes": surface.settings.frame_bytes,
        "max_message_bytes": surface.settings.adjusted().max_body_bytes,
        "max_fragments": limits.fragments,
        "max_depth": limits.depth,
        "max_nodes": limits.nodes,
        "max_meta_bytes": limits.meta_bytes,
        "max_streams_per_session": limits.streams_per_session,
        "max_streams_per_connection": limits.streams_per_connection,
        "max_lanes": limits.lanes,
        "request_ms": surface.settings.adjusted().request_ms,
    })
}

/// Every tier and whether the key that asks may use it.
fn tiers(settings: &scheduler::Settings, tier_max: Tier) -> Vec<Value> {
    let shown = Tier::ALL.iter().zip(&settings.tiers).map(|(tier, of)| {
        json!({
            "qos": tier,
            "weight": of.weight,
            "reserved": of.reserved,
            "queue_timeout_ms": of.queue_timeout_ms,
            "allowed": *tier >= tier_max,
        })
    });
    shown.collect()
}
