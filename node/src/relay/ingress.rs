//! Which requests are another node's, and which repeat one that runs at another.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::SessionId;
use bytes::Bytes;

use super::reply::is_hop_by_hop;
use super::{Arrival, OWNER, Relay, Wanted};
use crate::surfaces::{self, Surface};

/// Where work may name its session in the head.
const WORK: [&str; 4] = [
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/ask",
    "/v1/embeddings",
];

/// Where the path names a stream.
const STREAMS: &str = "/v1/streams/";

/// Sends a request for what another owner has there; every other goes to its handler.
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
    let session = session(request.request());
    // Nearly every request wants nothing that could be elsewhere.
    let Some(wanted) = wanted(request.request(), session.as_ref(), &relay) else {
        return closing(&relay, next.call(request).await);
    };
    let Some(tenant) = surfaces::tenant(&surface, request.request()) else {
        // Its handler refuses it.
        return next.call(request).await;
    };
    let answer = match relay.owner(&tenant, wanted, None).await {
        Ok(None) => return closing(&relay, next.call(request).await),
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
    closing(&relay, Ok(request.into_response(response)))
}

/// Has the client of a node that leaves go elsewhere with its next request.
fn closing(
    relay: &Relay,
    response: Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    response.map(|mut response| {
        let head = response.response_mut().head_mut();
        if relay.is_draining() && !head.upgrade() {
            head.set_connection_type(ConnectionType::Close);
        }
        response
    })
}

/// What a request wants that may be another node's. The path names a stream, the head a session or a repeat.
fn wanted<'r>(request: &'r HttpRequest, session: Option<&'r SessionId>, relay: &Relay) -> Option<Wanted<'r>> {
    let path = request.path();
    if let Some(rest) = path.strip_prefix(STREAMS) {
        let stream = rest.split('/').next().filter(|id| !id.is_empty())?;
        return Some(Wanted::Stream(stream, session));
    }
    let key = key(request);
    if !WORK.contains(&path) && key.is_none() {
        return None;
    }
    let is_anybodys = session.is_none() && key.is_none();
    (!is_anybodys || relay.is_draining()).then_some(Wanted::Work {
        session: session.map(SessionId::as_str),
        key,
    })
}

/// The session that a request names in its head, or for a stream in its query.
fn session(request: &HttpRequest) -> Option<SessionId> {
    let in_query = || {
        let mut pairs = request.query_string().split('&');
        pairs.find_map(|pair| pair.strip_prefix("session_id="))
    };
    let of_stream = request.path().starts_with(STREAMS).then(in_query).flatten();
    let named = of_stream.or_else(|| request.headers().get("x-session-id")?.to_str().ok())?;
    SessionId::new(named).ok()
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
/// As [`Relay::forward`].
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
pub(crate) fn copy(request: &HttpRequest, body: Bytes) -> http::Request<Bytes> {
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
