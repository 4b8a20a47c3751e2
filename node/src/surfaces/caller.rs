//! Who is calling, from the request's head.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::TenantId;
use atp_protocol::request::Identity;

use super::Surface;
use crate::auth::Credential;

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

/// Who calls, once counted against the rates of credential and tenant.
///
/// # Errors
/// As [`authenticate`].
pub(super) fn identify(surface: &Surface, request: &HttpRequest) -> Result<Arc<Identity>, Fault> {
    authenticate(surface, request).map(|credential| credential.identity)
}

/// Authenticates a request, and counts it against the rates of credential and tenant.
///
/// # Errors
/// `EAUTH` without saying which check failed, `EDRAINING` for a key that may have been made while this node was away, `ERATE` for one that calls too often, `ESEC` for a hint at a tenant or
/// project that is not the credential's.
pub(super) fn authenticate(surface: &Surface, request: &HttpRequest) -> Result<Credential, Fault> {
    let found = recognise(surface, request)?;
    surface.router.admit(&found.identity, &found.access)?;
    check_hints(request.headers(), &found.identity)?;
    Ok(found)
}

/// Whose request it is, as far as that can be told without counting it against any rate.
pub(crate) fn tenant(surface: &Surface, request: &HttpRequest) -> Option<TenantId> {
    let found = recognise(surface, request).ok()?;
    Some(found.identity.tenant.clone())
}

fn recognise(surface: &Surface, request: &HttpRequest) -> Result<Credential, Fault> {
    let headers = request.headers();
    let credential = bearer(headers)
        .or_else(|| headers.get("x-api-key")?.to_str().ok())
        .or_else(|| headers.get("api-key")?.to_str().ok())
        .or_else(|| query_key(surface, request));
    // Asked before the keys are looked at: those that come in between are found.
    let is_caught_up = surface.meta.is_caught_up();
    let keys = surface.meta.keys();
    if !is_caught_up && credential.is_some_and(|text| keys.lacks(text)) {
        let detail = "the node has started and does not know every key yet; try again, or at another node";
        return Err(Fault::new(Code::Draining, detail).retry_after(1_000));
    }
    keys.authenticate(credential).cloned().ok_or_else(|| {
        Fault::new(
            Code::Auth,
            "send a valid key as `Authorization: Bearer` or `x-api-key`",
        )
    })
}

/// Headers that name a tenant or project are never believed; those that contradict the credential are refused, because
/// somebody has mixed up keys. A caller who is not accounted for proves nothing they could contradict.
fn check_hints(headers: &HeaderMap, identity: &Identity) -> Result<(), Fault> {
    let Some(account) = &identity.account else {
        return Ok(());
    };
    let mut tenants = ["x-tenant-id", "x-atp-tenant-id"]
        .iter()
        .filter_map(|name| headers.get(*name));
    let project = headers.get("x-atp-project-id");
    let is_tenant = tenants.all(|hint| hint == identity.tenant.as_str());
    let short = account.as_str().rsplit('/').next().unwrap_or_default();
    match is_tenant && project.is_none_or(|hint| hint == account.as_str() || hint == short) {
        true => Ok(()),
        false => Err(Fault::new(
            Code::Sec,
            "the tenant or project named is not the key's",
        )),
    }
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
