//! `GET /ws`: ATP over WebSocket (atp.md section 2). One frame per message; the connection's actor does the rest.

use std::sync::Arc;

use actix::{Actor, Addr};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use atp_actors::connection::{Connection, ConnectionSettings, Egress, Gone, Incoming, Wire, egress};
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::Encoded;
use futures_util::StreamExt;
use tracing::debug;

use super::Surface;
use super::caller::{correlation_id, identify};
use super::reply::{self, Shape};

/// Subprotocols, by the encoding they fix.
const JSON: &str = "atp.v1.json";
const CBOR: &str = "atp.v1.cbor";

pub(super) fn routes(config: &mut ServiceConfig) {
    config.route("/ws", web::get().to(upgrade));
}

async fn upgrade(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let refuse = |fault: &Fault| reply::fault(&surface, Shape::Problem, fault, &correlation_id);
    let identity = match identify(&surface, &request) {
        Ok(identity) => identity,
        Err(fault) => return refuse(&fault),
    };
    if surface.meta.is_draining() {
        return refuse(&Fault::new(Code::Draining, "the node is leaving; connect to another").retry_after(0));
    }
    let subprotocol = subprotocol(&request);
    let (mut response, session, messages) = match actix_ws::handle(&request, payload) {
        Ok(upgraded) => upgraded,
        Err(_) => return refuse(&Fault::new(Code::Proto, "GET /ws is a WebSocket upgrade")),
    };
    if let Some(name) = subprotocol {
        let value = actix_web::http::header::HeaderValue::from_static(name);
        response
            .headers_mut()
            .insert(actix_web::http::header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    let query = |name: &str| {
        request
            .query_string()
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    let settings = ConnectionSettings {
        router_id: surface.settings.router_id.clone(),
        session_id: query("session_id"),
        dialect: query("dialect"),
        accepts_dialects: surface.settings.accepts_dialects,
        is_cbor: subprotocol == Some(CBOR),
        frame_bytes: surface.settings.frame_bytes,
        request_ms: surface.settings.request_ms,
    };
    let (out, way_out) = egress();
    let connection = Connection::new(surface.router.clone(), Arc::clone(&identity), settings, out).start();
    // One byte more than a frame may have, so that it is the connection that refuses it, in its own words.
    let limit = surface.settings.frame_bytes + 1;
    let messages = messages
        .max_frame_size(limit)
        .aggregate_continuations()
        .max_continuation_size(limit);
    tokio::task::spawn_local(write(way_out, session));
    tokio::task::spawn_local(read(messages, connection));
    response
}

/// The first subprotocol offered that there is.
fn subprotocol(request: &HttpRequest) -> Option<&'static str> {
    let offered = request
        .headers()
        .get(actix_web::http::header::SEC_WEBSOCKET_PROTOCOL)?
        .to_str()
        .ok()?;
    offered.split(',').find_map(|name| match name.trim() {
        JSON => Some(JSON),
        CBOR => Some(CBOR),
        _ => None,
    })
}

/// Reads messages one by one, each when the connection has dealt with the one before.
async fn read(mut messages: AggregatedMessageStream, connection: Addr<Connection>) {
    while let Some(message) = messages.next().await {
        let incoming = match message {
            Ok(AggregatedMessage::Text(text)) => Incoming::Text(text.to_string()),
            Ok(AggregatedMessage::Binary(bytes)) => Incoming::Binary(bytes),
            Ok(AggregatedMessage::Ping(_) | AggregatedMessage::Pong(_)) => Incoming::Pulse,
            Ok(AggregatedMessage::Close(_)) => break,
            Err(error) => {
                debug!(%error, "WebSocket broke off");
                break;
            }
        };
        if connection.send(incoming).await.is_err() {
            return;
        }
    }
    connection.do_send(Gone);
}

async fn write(mut out: Egress, mut session: Session) {
    while let Some(wire) = out.next().await {
        let sent = match wire {
            Wire::Message(Encoded::Text(text)) => session.text(text).await,
            Wire::Message(Encoded::Binary(bytes)) => session.binary(bytes).await,
            Wire::Close(close) => {
                let reason = CloseReason {
                    code: CloseCode::from(close.code),
                    description: Some(close.reason.to_owned()),
                };
                // A peer that has gone needs no telling.
                let _ = session.close(Some(reason)).await;
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
    let _ = session.close(None).await;
}
