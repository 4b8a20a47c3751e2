//! `POST /v1/streams`: opens a stream, with its request or waiting for one.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use atp_actors::session::Repeat;
use atp_actors::streams::{Admission, Around, Cancel, Forget, Listed, Look, NewToken, Opening, Post};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::Fault;
use atp_protocol::ids::{SessionId, StreamId};
use serde_json::{Value, json};

use super::wanted::Wanted;
use super::{gone, head};
use crate::surfaces::caller::{correlation_id, identify};
use crate::surfaces::reply::{self, Shape};
use crate::surfaces::{Surface, body, request};

/// Answers 201 when the stream is open, its request admitted; 200 with the stream of an earlier request under the same
/// idempotency key.
pub(super) async fn open(http: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&http);
    let correlation = correlation_id(&surface, http.headers());
    match serve(&surface, &http, payload, &correlation).await {
        Ok((mut response, shown)) => {
            response.insert_header(("x-correlation-id", &*correlation));
            reply::json(&mut response, "application/json", &shown)
        }
        Err(fault) => reply::fault(&surface, Shape::Problem, &fault, &correlation),
    }
}

async fn serve(
    surface: &Rc<Surface>,
    http: &HttpRequest,
    payload: Payload,
    correlation: &Arc<str>,
) -> Result<(HttpResponseBuilder, Value), Fault> {
    let identity = identify(surface, http)?;
    request::check_draining(surface)?;
    let bytes = body::work(surface, http, payload).await?;
    let wanted = Wanted::read(&bytes)?;
    let head = wanted.head(&identity)?;
    let key = StreamKey {
        session: match &wanted.session_id {
            Some(session) => session.clone(),
            None => SessionId::new(&surface.world.mint("s_")).expect("a minted id is valid"),
        },
        stream: StreamId::new(&surface.world.mint("str_")).expect("a minted id is valid"),
    };
    let frame = wanted.frame(&head);
    let streams = &surface.router.shared.streams;
    let opening = Opening {
        identity: Arc::clone(&identity),
        key,
        head,
        around: head::read(http.headers(), correlation)?,
        request_ms: surface.settings.request_ms,
        idempotency_key: None,
        holder: None,
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
    Ok((response, shown))
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
    let token = listed.actor.send(NewToken).await.map_err(gone)?;
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
