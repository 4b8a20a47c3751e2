//! `GET /admin/sessions` and `GET /admin/streams/{id}`: what is open on this node.

use actix_web::web::{Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::session::StreamView;
use atp_protocol::error::Fault;
use atp_protocol::units::Millis;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// Sessions shown when nobody says how many, and at most.
const LIMIT: (usize, usize) = (100, 1_000);

/// Query of the list.
#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
}

/// Sessions with open streams, by name.
pub(super) async fn list(request: HttpRequest, page: Query<Page>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let now = surface.world.now();
        let limit = page.limit.unwrap_or(LIMIT.0).min(LIMIT.1);
        let (views, known) = surface.router.shared.sessions.list(limit);
        let sessions: Vec<Value> = views
            .iter()
            .map(|view| {
                json!({
                    "session_id": view.session,
                    "tenant": view.tenant,
                    "age_ms": now.since(view.since),
                    "streams": view.streams.iter().map(|stream| shown(stream, now)).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({ "sessions": sessions, "sessions_known": known })
    });
    reply::answer(&surface, &correlation, result)
}

/// Open streams of that name; the name is unique within a session only.
pub(super) async fn stream(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| {
        let now = surface.world.now();
        let views = surface.router.shared.sessions.streams(&path);
        match views.is_empty() {
            true => Err(Fault::no_such(format!(
                "no open stream {}; GET /admin/sessions lists them",
                *path
            ))),
            false => Ok(views.iter().map(|view| shown(view, now)).collect::<Vec<_>>()),
        }
    });
    reply::answer(&surface, &correlation, result)
}

fn shown(view: &StreamView, now: Millis) -> Value {
    json!({
        "session_id": view.session,
        "stream_id": view.stream,
        "request_id": view.request,
        "tenant": view.tenant,
        "qos": view.tier,
        "age_ms": now.since(view.since),
    })
}
