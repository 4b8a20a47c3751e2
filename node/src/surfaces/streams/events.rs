//! `GET /v1/streams/{id}/events`: what a stream says, as server-sent events.
//!
//! A frame is an event: `event` is the last part of its payload's type, `id` its lane and number, `data` the frame. Frames
//! without a number of their own have no `id`, so that `Last-Event-ID` always names one place. A reader that has fallen
//! behind what is kept is told how many it lost by an event `gap`.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::history::{Read, Reader};
use atp_actors::streams::Event;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::time::timeout;

use super::find;
use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify};
use crate::surfaces::reply::{self, Shape};

/// Silence after which a comment shows that the connection lives.
const BEAT: Duration = Duration::from_secs(15);

/// Reads from the beginning, or after `Last-Event-ID`, to the end of the stream. Polled only while the client reads.
pub(super) async fn read(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let listed = find(&surface, &identity, &request, &path).await?;
        let last_id = request.headers().get("last-event-id");
        match last_id.and_then(|id| id.to_str().ok()) {
            Some(last_id) => listed.read_after(last_id),
            None => listed.read(),
        }
    };
    match result.await {
        Ok(reader) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header(("x-correlation-id", &*correlation))
            .streaming(unfold(reader, next)),
        Err(fault) => reply::fault(&surface, Shape::Problem, &fault, &correlation),
    }
}

async fn next(mut reader: Reader<Event>) -> Option<(Result<Bytes, Infallible>, Reader<Event>)> {
    let text = match timeout(BEAT, reader.next()).await {
        Err(_) => ": hb\n\n".to_owned(),
        Ok(None) => return None,
        Ok(Some(Read::Gap(lost))) => format!("event: gap\ndata: {{\"lost\":{lost}}}\n\n"),
        Ok(Some(Read::Item(event))) => text(&event),
    };
    Some((Ok(text.into()), reader))
}

fn text(event: &Event) -> String {
    // What has no JSON form is bytes, which no session makes; its place in the stream is kept.
    let data = event.data().unwrap_or_else(|| "null".to_owned());
    match event.id() {
        Some(id) => format!("event: {}\nid: {id}\ndata: {data}\n\n", event.name),
        None => format!("event: {}\ndata: {data}\n\n", event.name),
    }
}

#[cfg(test)]
mod tests {
    use atp_actors::history::{History, Pool, Unread};
    use atp_protocol::ids::TenantId;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test reads the clock it has stopped")]
    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_a_comment_every_15_seconds() {
        let share = Pool::new(4_000).share(&TenantId::new("acme").unwrap());
        let history = History::new(1_000, Unread::Keep, share);
        let reader = history.reader(0, 1).unwrap();
        let since = tokio::time::Instant::now();
        let (beat, reader) = next(reader).await.unwrap();
        assert_eq!((&beat.unwrap()[..], since.elapsed()), (&b": hb\n\n"[..], BEAT));
        let (again, reader) = next(reader).await.unwrap();
        assert_eq!(
            (&again.unwrap()[..], since.elapsed()),
            (&b": hb\n\n"[..], BEAT * 2)
        );
        history.close();
        assert!(next(reader).await.is_none());
    }
}
