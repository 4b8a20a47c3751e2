//! `GET /v1/admin/adapters`.

use actix_web::{HttpRequest, HttpResponse};
use atp_actors::registry::AdapterView;
use atp_protocol::cluster::NodeId;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// All adapters with how they do, everybody's first; `tenant` names whose one is that serves a tenant only,
/// `node` which member it is attached to.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let views = surface.meta.registry.list(None).await?;
        let here = surface.meta.cluster.node();
        Ok(views.iter().map(|view| shown(view, here)).collect::<Vec<_>>())
    };
    reply::answer(&surface, &correlation, result.await)
}

fn shown(view: &AdapterView, here: NodeId) -> Value {
    let capability = &view.capability;
    json!({
        "id": capability.adapter_id,
        "tenant": view.owner,
        "kind": capability.adapter_type,
        "version": capability.version,
        "attachment": view.attachment,
        "node": view.node.unwrap_or(here),
        "models": capability.models,
        "personas": capability.personas,
        "capabilities": capability.capabilities,
        "status": view.status,
        "health": view.health.as_ref().map(|health| health.status),
        "circuit": view.circuit,
        "p95_ms": view.p95_ms,
        "error_rate": view.error_rate,
        "in_flight": view.in_flight,
        "window": view.window,
        "is_compliant": view.is_compliant,
        "unroutable": view.unroutable,
    })
}
