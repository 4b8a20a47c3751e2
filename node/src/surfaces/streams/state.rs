//! Looking at a stream, ending it, coming back to it.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::streams::{Cancel, Look, Resume, StreamState, state_name};
use atp_protocol::error::Code;
use atp_protocol::payload;
use atp_protocol::resume::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{find, gone};
use crate::surfaces::caller::{correlation_id, identify};
use crate::surfaces::{Surface, body, reply};

/// `GET /v1/streams/{id}`.
pub(super) async fn get(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let listed = find(&surface, &identity, &request, &path).await?;
        let state = listed.actor.send(Look).await.map_err(gone)?;
        let mut shown = shown(&state);
        shown["session_id"] = listed.key.session.as_str().into();
        shown["stream_id"] = listed.key.stream.as_str().into();
        Ok(shown)
    };
    reply::answer(&surface, &correlation, result.await)
}

fn shown(state: &StreamState) -> Value {
    let name = state_name(state.state);
    let lanes = state
        .lanes
        .iter()
        .map(|(lane, sent)| json!({ "lane": lane, "state": name, "sent": sent }));
    let mut shown = json!({
        "state": name,
        "qos": state.tier,
        "window": state.window,
        "budget_left": state.budget_left.map(|left| {
            // A budget without a component does not bound it.
            let bound = |left: u64| (left < u64::MAX).then_some(left);
            json!({ "tokens": bound(left.tokens), "usd_micros": bound(left.usd_micros) })
        }),
        "lanes": lanes.collect::<Vec<_>>(),
        "readers": state.readers,
    });
    if let Some(last) = &state.last {
        shown["final"] = last.clone();
    }
    shown
}

/// `DELETE /v1/streams/{id}`: 202 when it ran, 200 when it had ended.
pub(super) async fn cancel(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let listed = find(&surface, &identity, &request, &path).await?;
        let was_running = listed.actor.send(Cancel).await.map_err(gone)?;
        let state = listed.actor.send(Look).await.map_err(gone)?;
        let status = match was_running {
            true => StatusCode::ACCEPTED,
            false => StatusCode::OK,
        };
        Ok((status, json!({ "state": state_name(state.state) })))
    };
    reply::answer_as(&surface, &correlation, result.await)
}

/// What a reader that comes back says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    resume_token: String,
    #[serde(default)]
    lanes: Vec<payload::LanePosition>,
    sent_cum: Option<u64>,
}

/// `POST /v1/streams/{id}/resume`: what a reader that comes back will find, and its next token.
pub(super) async fn resume(request: HttpRequest, path: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let listed = find(&surface, &identity, &request, &path)
            .await
            .map_err(|fault| match fault.code {
                Code::NotFound => Refusal::Unknown.fault(),
                _ => fault,
            })?;
        let wanted: Wanted = body::wish(&surface, &request, payload, "resume").await?;
        let resume = Resume {
            request: payload::Resume {
                resume_token: wanted.resume_token,
                lanes: wanted.lanes,
                sent_cum: wanted.sent_cum,
            },
            holder: None,
        };
        let resumed = listed.actor.send(resume).await.map_err(gone)??;
        Ok(resumed.ack)
    };
    reply::answer(&surface, &correlation, result.await)
}
