//! `POST /v1/streams`: opens a stream, with its request or waiting for one.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use atp_actors::session::Repeat;
use atp_actors::streams::{Admission, Around, Cancel, Forget, Listed, Look, NewToken, Opening, Post};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::Fault;
use atp_protocol::ids::SessionId;
use atp_protocol::request::Identity;
use serde_json::{Value, json};

use super::wanted::Wanted;
use super::{gone, head};
use crate::relay;
use crate::surfaces::caller::{correlation_id, identify};
use crate::surfaces::reply::{self, Shape};
use crate::surfaces::{Surface, body, request};

/// Answers 201 when the stream is open, its request admitted; 200 with the stream of an earlier request under the same
/// idempotency key.
pub(super) async fn open(http: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&http);
    let correlation = correlation_id(&surface, http.headers());
    match serve(&surface, &http, payload, &correlation).await {
        Ok(Answer::Opened(mut response, shown)) => {
            response.insert_header(("x-correlation-id", &*correlation));
            reply::json(&mut response, "application/json", &shown)
        }
        Ok(Answer::Relayed(response)) => response,
        Err(fault) => reply::fault(&surface, Shape::Problem, &fault, &correlation),
    }
}

async fn serve(
    surface: &Rc<Surface>,
    http: &HttpRequest,
    payload: Payload,
    correlation: &Arc<str>,
) -> Result<Answer, Fault> {
    let identity = identify(surface, http)?;
    let bytes = body::work(surface, http, payload).await?;
    let wanted = Wanted::read(&bytes)?;
    if let Some(relay) = &surface.relay {
        let work = relay::Wanted::Work {
            session: wanted.session_id.as_ref().map(SessionId::as_str),
            key: wanted.idempotency_key.as_deref(),
        };
        if let Some(owner) = relay.owner(&identity.tenant, work, None).await? {
            return relay::elsewhere(surface, relay, owner, http, bytes)
                .await
                .map(Answer::Relayed);
        }
    }
    request::check_draining(surface)?;
    let head = wanted.head(&identity)?;
    let key = names(surface, &identity, wanted.session_id.clone());
    let frame = wanted.frame(&head);
    let streams = &surface.router.shared.streams;
    let opening = Opening {
        identity: Arc::clone(&identity),
        key,
        head,
        around: head::read(http.headers(), correlation)?,
        request_ms: surface.settings.adjusted().request_ms,
        idempotency_key: None,
        holder: None,
        epoch: None,
    };
    let listed = streams.start(&surface.router, opening)?;
    let abandoned = Abandon(Some(&listed));
    let repeat = match frame {
        None => Ok(Repeat::First),
        Some(frame) => admitted(&listed, frame).await,
    };
    abandoned.keep();
    let (mut response, open) = match repeat {
        Ok(Repeat::First | Repeat::Replayed) => (HttpResponse::Created(), listed),
        Ok(Repeat::Attached(place)) => {
            let first = streams.find(&identity.tenant, &place.stream, Some(place.session.as_str()));
            match first {
                Ok(first) => {
                    listed.actor.do_send(Forget);
                    (HttpResponse::Ok(), first)
                }
                // The first came another way; this stream repeats what it says.
                Err(_) => (HttpResponse::Created(), listed),
            }
        }
        Err(fault) => {
            listed.actor.do_send(Forget);
            return Err(fault);
        }
    };
    let shown = shown(surface, http, &open).await?;
    response.insert_header(("location", format!("/v1/streams/{}", open.key.stream)));
    Ok(Answer::Opened(response, shown))
}

/// What becomes of a wish for a stream.
enum Answer {
    Opened(HttpResponseBuilder, Value),
    /// Its session is another node's, which answered.
    Relayed(HttpResponse),
}

/// The stream's name and its session's: both belong to the same owner, here unless the client named another's session.
fn names(surface: &Surface, identity: &Identity, session: Option<SessionId>) -> StreamKey {
    let (world, tenant, owners) = (&surface.world, &identity.tenant, &surface.router.shared.owners);
    let session = session.unwrap_or_else(|| owners.mint_session(world, tenant));
    StreamKey {
        stream: owners.mint_stream(world, tenant, &session),
        session,
    }
}

/// Posts the opening frame and waits until its request is admitted.
async fn admitted(listed: &Listed, frame: String) -> Result<Repeat, Fault> {
    let post = Post {
        frames: vec![frame],
        around: Around::default(),
    };
    let posted = listed.actor.send(post).await.map_err(gone)??;
    match posted.fault {
        Some(fault) => Err(fault),
        None => Ok(listed.actor.send(Admission).await.map_err(gone)??.1),
    }
}

/// Ends the stream of a client that leaves before it learns its name.
struct Abandon<'l>(Option<&'l Listed>);

impl Abandon<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(listed) = self.0 {
            listed.actor.do_send(Cancel);
        }
    }
}

async fn shown(surface: &Surface, http: &HttpRequest, listed: &Listed) -> Result<Value, Fault> {
    let state = listed.actor.send(Look).await.map_err(gone)?;
    let token = listed.actor.send(NewToken).await.map_err(gone)??;
    let (session, stream) = (&listed.key.session, &listed.key.stream);
    let connection = http.connection_info();
    let scheme = match connection.scheme() {
        "https" => "wss",
        _ => "ws",
    };
    Ok(json!({
        "session_id": session,
        "stream_id": stream,
        "router_id": surface.settings.router_id,
        "window": state.window,
        "qos": state.tier,
        "resume_token": token,
        "resume_ttl_ms": surface.router.shared.streams.settings().ttl_ms,
        "events_url": format!("/v1/streams/{stream}/events"),
        "ws_url": format!("{scheme}://{}/ws?session_id={session}", connection.host()),
    }))
}
