//! Who does the work: `GET /v1/providers` for clients, `GET /adapters/health` for those who watch.

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::registry::AdapterView;
use atp_protocol::adapter::{AgentStatus, HealthStatus};
use serde_json::{Value, json};

use super::Surface;
use super::caller::{correlation_id, identify};
use super::endpoint::{at, look};
use super::reply;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/v1/providers", "GET, HEAD").route(look().to(providers)))
        .service(at("/adapters/health", "GET, HEAD").route(look().to(health)));
}

async fn providers(request: HttpRequest) -> HttpResponse {
    list(request, |view| {
        json!({
            "id": view.capability.adapter_id,
            "type": view.capability.adapter_type,
            "attachment": view.attachment,
            "models": view.capability.models,
            "capabilities": view.capability.capabilities,
            "personas": view.capability.personas,
            "max_tokens": view.capability.max_tokens,
            "routable": view.unroutable.is_none(),
            "unroutable": view.unroutable,
        })
    })
    .await
}

async fn health(request: HttpRequest) -> HttpResponse {
    list(request, condition).await
}

async fn list(request: HttpRequest, shown: fn(&AdapterView) -> Value) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        // Another tenant's agents do not exist for anybody but the operator.
        let tenant = (!identity.is_admin).then(|| identity.tenant.clone());
        let views = surface.meta.registry.list(tenant).await?;
        Ok(views.iter().map(shown).collect::<Vec<_>>())
    };
    reply::answer(&surface, &correlation_id, result.await)
}

/// Figures are what this node measured; a reported one stands in where nothing was measured.
fn condition(view: &AdapterView) -> Value {
    let reported = view.health.as_ref();
    let status = match (reported.map(|health| health.status), view.status) {
        (Some(HealthStatus::Unhealthy), _) => "unhealthy",
        (_, AgentStatus::Pause | AgentStatus::Draining) => "degraded",
        (Some(HealthStatus::Degraded), _) => "degraded",
        (Some(HealthStatus::Healthy) | None, AgentStatus::Ready | AgentStatus::Busy) => "healthy",
    };
    let p95_ms = view.p95_ms.map(f64::from);
    json!({
        "endpoint": view.attachment,
        "adapter_id": view.capability.adapter_id,
        "ok": view.unroutable.is_none() && view.circuit == "closed" && status != "unhealthy",
        "status": status,
        "readiness": view.status,
        "p95_ms": p95_ms.or_else(|| reported?.p95_latency_ms),
        "error_rate": view.error_rate,
        "circuit": view.circuit,
        "in_flight": view.in_flight,
        "window": view.window,
        "compliant": view.is_compliant,
        "unroutable": view.unroutable,
    })
}
