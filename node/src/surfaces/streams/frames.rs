//! `POST /v1/streams/{id}/frames`: one frame or an array of them.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::streams::Post;
use atp_protocol::error::{Code, Fault};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{find, gone, head};
use crate::surfaces::caller::{correlation_id, identify};
use crate::surfaces::{Surface, body, reply};

/// Frames of one request.
const FRAMES_MAX: usize = 64;

/// Answers 202 with what was taken, in order, up to the first error.
pub(super) async fn post(request: HttpRequest, path: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let listed = find(&surface, &identity, &request, &path).await?;
        let bytes = body::work(&surface, &request, payload).await?;
        let frames = frames(&bytes)?;
        check_names(&frames, listed.key.stream.as_str())?;
        let around = head::read(request.headers(), &correlation)?;
        let post = Post { frames, around };
        let posted = listed.actor.send(post).await.map_err(gone)??;
        let body = json!({ "accepted": posted.accepted, "acks": posted.acks, "errors": posted.errors });
        Ok((StatusCode::ACCEPTED, body))
    };
    reply::answer_as(&surface, &correlation, result.await)
}

/// Refuses all of a request that names another stream; what cannot be read is told with the frame it is in.
fn check_names(frames: &[String], stream: &str) -> Result<(), Fault> {
    #[derive(Deserialize)]
    struct Named<'f> {
        #[serde(borrow)]
        stream_id: Option<Cow<'f, str>>,
    }
    let named = |frame: &String| {
        serde_json::from_str::<Named<'_>>(frame)
            .ok()?
            .stream_id
            .map(|id| id == stream)
    };
    match frames.iter().filter_map(named).all(|is_same| is_same) {
        true => Ok(()),
        false => Err(Fault::new(
            Code::Proto,
            "stream_id: name the stream of the path, or nothing",
        )),
    }
}

/// The frames of a body, each as it was written.
fn frames(body: &[u8]) -> Result<Vec<String>, Fault> {
    let bad = |error: serde_json::Error| Fault::new(Code::Proto, format!("frames: {error}"));
    let text = std::str::from_utf8(body).map_err(|_| Fault::new(Code::Proto, "the body is not UTF-8"))?;
    let whole: &RawValue = serde_json::from_str(text).map_err(bad)?;
    if !whole.get().starts_with('[') {
        return Ok(vec![whole.get().to_owned()]);
    }
    let frames: Vec<&RawValue> = serde_json::from_str(text).map_err(bad)?;
    match frames.len() {
        1..=FRAMES_MAX => Ok(frames.into_iter().map(|frame| frame.get().to_owned()).collect()),
        _ => Err(Fault::new(
            Code::BadInput,
            format!("send 1 to {FRAMES_MAX} frames at once"),
        )),
    }
}
