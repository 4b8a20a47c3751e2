//! Which requests are another node's, and which repeat one that runs at another.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use bytes::Bytes;

use super::reply::is_hop_by_hop;
use super::{Arrival, OWNER, Relay};
use crate::surfaces::{self, Surface};

/// Where work may name its session in the head.
const WORK: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/ask"];

/// Where the query may name one.
const WEBSOCKET: &str = "/ws";

/// Where the path names a stream.
const STREAMS: &str = "/v1/streams/";

/// Sends a request that names a session or stream of another owner there; every other goes to its handler.
///
/// # Errors
/// Those of the handler.
pub async fn ingress(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let surface = Surface::of(request.request());
    let Some(relay) = surface.relay.clone() else {
        return next.call(request).await;
    };
    // Nearly every request names nothing that could be elsewhere.
    let (key, named) = (key(request.request()), named(request.request()));
    if key.is_none() && named.is_none() {
        return next.call(request).await;
    }
    let Some(tenant) = surfaces::tenant(&surface, request.request()) else {
        // Its handler refuses it.
        return next.call(request).await;
    };
    let (key, named) = (key.map(str::to_owned), named.map(str::to_owned));
    let owner = relay.owner_of_work(&tenant, key.as_deref(), named.as_deref());
    let answer = match owner.await {
        Ok(None) => return next.call(request).await,
        Ok(Some(node)) if request.path() == WEBSOCKET && surface.arrival == Arrival::Direct => {
            let payload = web::Payload::from_request(&request.request().clone(), &mut request.take_payload());
            let copy = copy(request.request(), Bytes::new());
            relay.upgrade(node, copy, payload.await?).await
        }
        Ok(Some(node)) => {
            let payload = web::Payload::from_request(&request.request().clone(), &mut request.take_payload());
            let body = surfaces::body::work(&surface, request.request(), payload.await?).await;
            match body {
                Ok(body) => elsewhere(&surface, &relay, node, request.request(), body).await,
                Err(fault) => Err(fault),
            }
        }
        Err(fault) => Err(fault),
    };
    let response = answer.unwrap_or_else(|fault| surfaces::refuse(request.request(), &fault));
    Ok(request.into_response(response))
}

/// What a request names that may be another node's.
fn named(request: &HttpRequest) -> Option<&str> {
    let path = request.path();
    if let Some(rest) = path.strip_prefix(STREAMS) {
        return rest.split('/').next().filter(|id| !id.is_empty());
    }
    if path == WEBSOCKET {
        let mut pairs = request.query_string().split('&');
        return pairs.find_map(|pair| pair.strip_prefix("session_id="));
    }
    if !WORK.contains(&path) {
        return None;
    }
    request.headers().get("x-session-id")?.to_str().ok()
}

/// The idempotency key of work, where the head has it.
fn key(request: &HttpRequest) -> Option<&str> {
    let is_work = WORK.contains(&request.path()) || request.path() == "/v1/streams";
    let key = request.headers().get("idempotency-key").filter(|_| is_work)?;
    key.to_str().ok()
}

/// Has a request carried out by `owner`, with `body` as its body.
///
/// # Errors
/// As [`Relay::forward`]; `EMOVED` where the node is to redirect.
pub(crate) async fn elsewhere(
    surface: &Surface,
    relay: &Rc<Relay>,
    owner: NodeId,
    request: &HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Fault> {
    if surface.arrival == Arrival::Relayed {
        // One relay at most: whoever sent it here tries there.
        let fault = Fault::new(Code::Moved, format!("node {owner} owns the session"));
        let mut response = surfaces::refuse(request, &fault);
        let name = HeaderName::from_static(OWNER);
        response.headers_mut().insert(name, owner.get().into());
        return Ok(response);
    }
    let (relays, began) = (&surface.world.meter.relays, surface.world.clock.micros());
    let answer = relay.forward(owner, &copy(request, body)).await;
    match &answer {
        Ok(_) => {
            relays.answered.increment(1);
            let took = surface.world.clock.micros().saturating_sub(began);
            relays.latency.record(took as f64);
        }
        Err(_) => relays.failed.increment(1),
    }
    answer
}

/// The request as it is sent on.
fn copy(request: &HttpRequest, body: Bytes) -> http::Request<Bytes> {
    let mut copy = http::Request::new(body);
    // Both libraries name the same things by types of their own.
    *copy.method_mut() = http::Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default();
    *copy.uri_mut() = request.uri().to_string().parse().unwrap_or_default();
    for (name, value) in request.headers() {
        if is_hop_by_hop(name.as_str()) || name == "content-length" || name == "expect" {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_str().as_bytes()),
            http::HeaderValue::from_bytes(value.as_bytes()),
        ) {
            copy.headers_mut().append(name, value);
        }
    }
    copy
}
