//! Scheduler admin: `GET /admin/fair/weights`, `POST /admin/fair/weight?session=&weight=`, `GET /admin/fair/served?limit=`.

use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::session::WEIGHT_RANGE;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::SessionId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// Flows shown when nobody says how many, and at most.
const LIMIT: (usize, usize) = (50, 500);

/// Query of a new weight.
#[derive(Deserialize)]
pub(super) struct Weight {
    session: Option<String>,
    weight: Option<f64>,
}

/// Query of the counters.
#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
}

/// Every weight that is not 1.
pub(super) async fn weights(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let weights = surface.router.shared.fairness.weights();
        json!({ "default": 1.0, "range": [WEIGHT_RANGE.start(), WEIGHT_RANGE.end()], "weights": *weights })
    });
    reply::answer(&surface, &correlation, result)
}

/// Gives a session a weight; 1 forgets it.
pub(super) async fn weight(request: HttpRequest, query: Query<Weight>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| {
        let missing = || Fault::new(Code::BadInput, "write ?session=…&weight=0.1…100");
        let session = query.session.as_deref().ok_or_else(missing)?;
        let session = SessionId::new(session)
            .map_err(|error| Fault::new(Code::BadInput, format!("session: {error}")))?;
        let weight = query.weight.ok_or_else(missing)?;
        let fairness = &surface.router.shared.fairness;
        fairness.set_weight(&session, weight)?;
        let weighted = fairness.weights().len();
        surface.world.meter.queue.weighted_sessions.set(weighted as f64);
        Ok(json!({ "session": session, "weight": weight }))
    });
    reply::answer(&surface, &correlation, result)
}

/// What flows were served, most first.
pub(super) async fn served(request: HttpRequest, page: Query<Page>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let limit = page.limit.unwrap_or(LIMIT.0).clamp(1, LIMIT.1);
        let flows = surface.router.shared.fairness.most_served(limit);
        let shown = flows.into_iter().map(|view| {
            json!({
                "tenant": view.tenant,
                "session": view.session,
                "grants": view.grants,
                "tokens": view.cost.tokens,
                "usd_micros": view.cost.usd_micros,
            })
        });
        shown.collect::<Vec<Value>>()
    });
    reply::answer(&surface, &correlation, result)
}
