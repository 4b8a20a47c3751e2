//! `GET /ws`: ATP over WebSocket (atp.md section 2). One frame per message; the connection's actor does the rest.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session};
use atp_actors::connection::{
    Connection, ConnectionSettings, Drain, Egress, Gone, Incoming, Others, Reach, Wire, egress,
};
use atp_protocol::error::{Code, Fault, Location};
use atp_protocol::frame::Encoded;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tracing::debug;

use super::Surface;
use super::caller::{authenticate, correlation_id};
use super::endpoint::at;
use super::reply::{self, Shape};
use crate::relay::{self, Arrival, SLACK, Sockets};

/// Subprotocols, by the encoding they fix.
const JSON: &str = "atp.v1.json";
const CBOR: &str = "atp.v1.cbor";

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/ws", "GET").route(web::get().to(upgrade)));
}

async fn upgrade(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let refuse = |fault: &Fault| reply::fault(&surface, Shape::Problem, fault, &correlation_id);
    let credential = match authenticate(&surface, &request) {
        Ok(credential) => credential,
        Err(fault) => return refuse(&fault),
    };
    let is_direct = surface.arrival == Arrival::Direct;
    if is_direct && surface.meta.is_draining() {
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
    // What another member wrote again may be a little longer.
    let slack = if is_direct { 0 } else { SLACK };
    let frame_bytes = surface.settings.frame_bytes + slack;
    let settings = ConnectionSettings {
        router_id: surface.settings.router_id.clone(),
        session_id: query("session_id"),
        dialect: query("dialect"),
        accepts_dialects: surface.settings.accepts_dialects,
        is_cbor: subprotocol == Some(CBOR),
        frame_bytes,
        request_ms: surface.settings.adjusted().request_ms,
        // The other member made sure.
        needs_fresh_hello: is_direct && surface.settings.needs_fresh_hello,
        access: credential.access,
        drain_ms: surface.settings.drain_ms,
    };
    let (out, way_out) = egress();
    let connection = Connection::new(surface.router.clone(), credential.identity, settings, out);
    let connection = match others(&surface, &request) {
        Some((others, reach)) => connection.among(others, reach),
        None => connection,
    };
    let connection = connection.start();
    // One byte more than a frame may have, so that it is the connection that refuses it, in its own words.
    let limit = frame_bytes + 1;
    let messages = messages
        .max_frame_size(limit)
        .aggregate_continuations()
        .max_continuation_size(limit);
    let stall = surface.settings.write_stall;
    let drained = match is_direct {
        true => surface.meta.drained().boxed_local(),
        // What others own goes there already.
        false => surface.meta.left().boxed_local(),
    };
    let reading = tokio::task::spawn_local(read(messages, session.clone(), connection.clone(), drained));
    tokio::task::spawn_local(async move {
        write(way_out, session, connection, stall).await;
        reading.abort();
    });
    response
}

/// The way to the owners of other sessions, and what is done with their streams. A query of `redirect=true` asks to be told instead.
fn others(surface: &Rc<Surface>, request: &HttpRequest) -> Option<(Rc<dyn Others>, Reach)> {
    let relay = surface.relay.clone()?;
    let mut query = request.query_string().split('&');
    let reach = match surface.arrival {
        Arrival::Relayed => Reach::Refuse,
        Arrival::Direct if query.any(|pair| pair == "redirect=true") => Reach::Redirect,
        Arrival::Direct => Reach::Relay,
    };
    let head = relay::copy(request, Bytes::new());
    let meta = Arc::clone(&surface.meta);
    let locate = move |node| {
        meta.cluster.meta.read(|meta| {
            let member = meta.cluster().member(node)?;
            let (router_id, url) = (member.name.clone(), member.api.clone());
            Some(Location { router_id, url })
        })
    };
    let sockets = Sockets::new(relay, head, Box::new(locate), surface.settings.frame_bytes);
    Some((Rc::new(sockets), reach))
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
async fn read(
    mut messages: AggregatedMessageStream,
    mut session: Session,
    connection: Addr<Connection>,
    draining: impl Future<Output = ()>,
) {
    let mut draining = pin!(draining.fuse());
    loop {
        let message = tokio::select! {
            () = &mut draining => {
                connection.do_send(Drain);
                continue;
            }
            message = messages.next() => message,
        };
        let incoming = match message {
            Some(Ok(AggregatedMessage::Text(text))) => Incoming::Text(text.to_string()),
            Some(Ok(AggregatedMessage::Binary(bytes))) => Incoming::Binary(bytes),
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                // A session that has closed needs no answer.
                let _ = session.pong(&bytes).await;
                Incoming::Pulse
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Incoming::Pulse,
            Some(Ok(AggregatedMessage::Close(_))) | None => break,
            Some(Err(error)) => {
                debug!(%error, "WebSocket broke off");
                if let Some(incoming) = broken(&error) {
                    // What comes after it cannot be read; the connection says so and closes.
                    let _ = connection.send(incoming).await;
                }
                break;
            }
        };
        if connection.send(incoming).await.is_err() {
            return;
        }
    }
    connection.do_send(Gone);
}

/// What is to be said about a broken WebSocket; nothing when it is the transport that broke.
fn broken(error: &ProtocolError) -> Option<Incoming> {
    match error {
        ProtocolError::Overflow => Some(Incoming::TooBig),
        ProtocolError::Io(error) if error.kind() == ErrorKind::InvalidData => Some(Incoming::NotText),
        ProtocolError::Io(error) if error.to_string() == "Exceeded maximum continuation size" => {
            Some(Incoming::TooBig)
        }
        ProtocolError::Io(_) => None,
        ProtocolError::UnmaskedFrame
        | ProtocolError::MaskedFrame
        | ProtocolError::InvalidOpcode(_)
        | ProtocolError::InvalidLength(_)
        | ProtocolError::BadOpCode
        | ProtocolError::ContinuationNotStarted
        | ProtocolError::ContinuationStarted
        | ProtocolError::ContinuationFragment(_) => Some(Incoming::NotWebSocket),
    }
}

/// Writes until there is nothing more to say, or the peer takes nothing for `stall`; the connection ends with it.
async fn write(mut out: Egress, mut session: Session, connection: Addr<Connection>, stall: Duration) {
    while let Some(wire) = out.next().await {
        let sending = async {
            match wire {
                Wire::Message(Encoded::Text(text)) => session.text(text).await.is_ok(),
                Wire::Message(Encoded::Binary(bytes)) => session.binary(bytes).await.is_ok(),
                Wire::Close(close) => {
                    let reason = CloseReason {
                        code: CloseCode::from(close.code),
                        description: Some(close.reason.to_owned()),
                    };
                    // A peer that has gone needs no telling.
                    let _ = session.clone().close(Some(reason)).await;
                    false
                }
            }
        };
        if !tokio::time::timeout(stall, sending).await.unwrap_or(false) {
            return connection.do_send(Gone);
        }
    }
    let _ = tokio::time::timeout(stall, session.close(None)).await;
}
