//! Who is calling, from the request's head.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::Identity;

use super::Surface;

/// Longest correlation id taken over from a client, in bytes.
const CORRELATION_MAX: usize = 128;

/// The client's id for the request, or a fresh one.
pub(super) fn correlation_id(surface: &Surface, headers: &HeaderMap) -> Arc<str> {
    ["x-correlation-id", "x-request-id"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(|id| {
            (1..=CORRELATION_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map_or_else(|| surface.world.mint("cor_").into(), Into::into)
}

/// Authenticates a request.
///
/// # Errors
/// `EAUTH` without saying which check failed.
pub(super) fn identify(surface: &Surface, request: &HttpRequest) -> Result<Arc<Identity>, Fault> {
    let headers = request.headers();
    let credential = bearer(headers)
        .or_else(|| headers.get("x-api-key")?.to_str().ok())
        .or_else(|| headers.get("api-key")?.to_str().ok())
        .or_else(|| query_key(surface, request));
    surface.meta.keys().authenticate(credential).ok_or_else(|| {
        Fault::new(
            Code::Auth,
            "send a valid key as `Authorization: Bearer` or `x-api-key`",
        )
    })
}

/// As [`identify`], and refuses everybody but the operator.
///
/// # Errors
/// `EAUTH`, or `ESEC` for a valid key that is not the admin key.
pub(super) fn identify_admin(surface: &Surface, request: &HttpRequest) -> Result<Arc<Identity>, Fault> {
    let identity = identify(surface, request)?;
    match identity.is_admin {
        true => Ok(identity),
        false => Err(Fault::new(Code::Sec, "the admin key is needed")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// `?api_key=`, which ends in access logs and is therefore accepted on loopback only unless configured otherwise.
fn query_key<'a>(surface: &Surface, request: &'a HttpRequest) -> Option<&'a str> {
    if !surface.settings.query_api_key {
        return None;
    }
    request
        .query_string()
        .split('&')
        .find_map(|pair| pair.strip_prefix("api_key="))
}
