//! Reading a request body within its limits.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::Payload;
use atp_protocol::error::{Code, Fault, Row};
use atp_protocol::limits::Limits;
use atp_protocol::value::{Value, json};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::Surface;

/// Largest body that says what somebody wants of the node, in bytes; bodies with work in them have a limit of their own.
const WISH_MAX: usize = 64 << 10;

/// How a body is told to be too large that holds no work; the code's own words speak of prompts.
const TOO_LARGE: Row = Row {
    error: "payload_too_large",
    hint: "send a smaller body",
    ..*Code::TooBig.row()
};

/// How a body is told that comes too slowly: the code's own words speak of an upstream, and here the client was slow.
const TOO_SLOW: Row = Row {
    status: 408,
    error: "request_timeout",
    slug: "request-timeout",
    message: "the request did not arrive in time",
    hint: "send the whole body at once",
    ..*Code::Timeout.row()
};

/// Reads a body with work in it.
///
/// # Errors
/// As [`read`], with the configured limit.
pub(crate) async fn work(surface: &Surface, request: &HttpRequest, payload: Payload) -> Result<Bytes, Fault> {
    whole(
        surface,
        request,
        payload,
        surface.settings.adjusted().max_body_bytes,
    )
    .await
}

/// Reads a body that holds no work.
///
/// # Errors
/// `EUNSUPPORTED` for a content encoding, `ETOOBIG` beyond `max_bytes`, `ETIMEOUT` with 408 when it does not arrive in time, `EPROTO`
/// when the client breaks it off.
pub(super) async fn read(
    surface: &Surface,
    request: &HttpRequest,
    payload: Payload,
    max_bytes: usize,
) -> Result<Bytes, Fault> {
    let read = whole(surface, request, payload, max_bytes).await;
    read.map_err(|fault| match fault.code {
        Code::TooBig => fault.told(&TOO_LARGE),
        _ => fault,
    })
}

/// Reads the whole body, which comes as it is or not at all: bodies are bounded by what arrives, and nothing is decoded that
/// might be larger.
async fn whole(
    surface: &Surface,
    request: &HttpRequest,
    mut payload: Payload,
    max_bytes: usize,
) -> Result<Bytes, Fault> {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING);
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "content-encoding: none but identity is read; send the body as it is";
        return Err(Fault::new(Code::Unsupported, detail));
    }
    let reading = async {
        let Some(first) = payload.next().await else {
            return Ok(Bytes::new());
        };
        let first = first.map_err(|_| broken())?;
        check(first.len(), max_bytes)?;
        // Most bodies arrive in one piece and need no copy.
        let Some(second) = payload.next().await else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        let mut piece = second.map_err(|_| broken())?;
        loop {
            check(body.len() + piece.len(), max_bytes)?;
            body.extend_from_slice(&piece);
            match payload.next().await {
                Some(next) => piece = next.map_err(|_| broken())?,
                None => return Ok(body.freeze()),
            }
        }
    };
    match tokio::time::timeout(surface.settings.read_timeout, reading).await {
        Ok(body) => body,
        Err(_) => {
            let detail = "the request body did not arrive in time";
            Err(Fault::new(Code::Timeout, detail).terminal().told(&TOO_SLOW))
        }
    }
}

/// Reads a body of the node's own surfaces as a `T`; `what` names it in errors.
///
/// # Errors
/// As [`read`] and [`tree`], and `EBAD_INPUT` for a member that is not known or of another type, named.
pub(super) async fn wish<T: DeserializeOwned>(
    surface: &Surface,
    request: &HttpRequest,
    payload: Payload,
    what: &'static str,
) -> Result<T, Fault> {
    let bytes = read(surface, request, payload, WISH_MAX).await?;
    typed(&tree(&bytes)?, what)
}

/// The body as JSON, by the strict rules of the wire (atp.md 3.1).
///
/// # Errors
/// `EPROTO` for what is not JSON, saying where.
pub(super) fn tree(body: &[u8]) -> Result<Value<'_>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::new(Code::Proto, "the body is not UTF-8"))?;
    json::parse(text, &Limits::default())
        .map_err(|error| Fault::new(Code::Proto, format!("the body is not JSON: {error}")))
}

/// The tree as a `T`; `what` names it in errors.
///
/// # Errors
/// `EBAD_INPUT`, naming the member at fault.
pub(super) fn typed<T: DeserializeOwned>(tree: &Value<'_>, what: &'static str) -> Result<T, Fault> {
    tree.read()
        .map_err(|error| Fault::new(Code::BadInput, format!("{what}: {error}")))
}

fn check(len: usize, max_bytes: usize) -> Result<(), Fault> {
    match len > max_bytes {
        true => Err(Fault::new(
            Code::TooBig,
            format!("the body exceeds {max_bytes} bytes"),
        )),
        false => Ok(()),
    }
}

fn broken() -> Fault {
    Fault::new(Code::Proto, "the request body broke off")
}
