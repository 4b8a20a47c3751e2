//! Builds the request every surface shares from what a provider-style body and the head say.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{SessionId, StreamId};
use atp_protocol::payload;
use atp_protocol::request::{
    AgentRequest, Dialect, Identity, LATENCY_SLO_MS, NativeBody, PersonaRequest, Quality, TaskMeta,
};
use atp_protocol::units::{Amount, Tier};
use bytes::Bytes;
use serde::Deserialize;

use super::Surface;
use crate::wire::Parsed;

/// Refuses new work while the node leaves.
///
/// # Errors
/// `EDRAINING`.
pub(super) fn check_draining(surface: &Surface) -> Result<(), Fault> {
    match surface.meta.is_draining() {
        true => Err(Fault::new(Code::Draining, "the node is leaving; connect to another").retry_after(1_000)),
        false => Ok(()),
    }
}

/// Turns a parsed body into a request.
///
/// # Errors
/// `EDRAINING` while the node leaves, `EPOLICY` for a tier above the credential's, `EBAD_INPUT` for a header that cannot be used.
pub(super) fn build(
    surface: &Surface,
    identity: &Arc<Identity>,
    headers: &HeaderMap,
    correlation_id: Arc<str>,
    parsed: &Parsed,
) -> Result<AgentRequest, Fault> {
    check_draining(surface)?;
    let id = surface.world.request_id();
    let session = match text(headers, "x-session-id")? {
        Some(session) => SessionId::new(session).map_err(|error| bad("x-session-id", &error.to_string()))?,
        // A session of its own: named after the request, so that nothing more has to be drawn.
        None => SessionId::new(id.as_str()).expect("a request id is a valid session id"),
    };
    let tier = match text(headers, "x-atp-qos")? {
        Some(name) => Tier::parse(name).ok_or_else(|| bad("x-atp-qos", "write gold, silver or bronze"))?,
        None => tier_of(parsed.content.quality),
    };
    let deadline_ms = match text(headers, "x-atp-deadline-ms")? {
        Some(ms) => ms
            .parse()
            .ok()
            .filter(|ms| (1..=3_600_000).contains(ms))
            .ok_or_else(|| bad("x-atp-deadline-ms", "write 1 to 3600000"))?,
        None => surface.settings.adjusted().request_ms,
    };
    Ok(AgentRequest {
        stream: StreamId::new(id.as_str()).expect("a request id is a valid stream id"),
        id,
        identity: Identity::clone(identity),
        session,
        tier: allowed(tier, identity, headers.contains_key("x-atp-qos"))?,
        window: None,
        meta: meta(headers)?,
        content: Arc::clone(&parsed.content),
        native: Some(parsed.native.clone()),
        wants_stream: parsed.wants_stream,
        choices: parsed.choices,
        max_cost_usd_micros: parsed.max_cost_usd_micros,
        budget: Amount::UNLIMITED,
        deadline_ms,
        latency_slo_ms: LATENCY_SLO_MS,
        correlation_id,
    })
}

/// The members of `meta` that a native HTTP body may carry (atp.md 3.3).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Task {
    task_type: Option<String>,
    languages: Vec<String>,
    risk: Option<String>,
    data_scope: Vec<String>,
    tool_permissions: Vec<String>,
    environment_id: Option<String>,
    security_groups: Vec<String>,
    idempotency_key: Option<String>,
    deadline_ms: Option<u64>,
    personas: Vec<PersonaRequest>,
    expose_lanes: bool,
    reconciliation: Option<String>,
    qos: Option<Tier>,
}

/// Turns ATP content and its metadata into a request.
///
/// # Errors
/// As for [`build`].
pub(super) fn of_content(
    surface: &Surface,
    identity: &Arc<Identity>,
    headers: &HeaderMap,
    correlation_id: Arc<str>,
    asked: payload::Request,
    task: Task,
) -> Result<AgentRequest, Fault> {
    let parsed = Parsed {
        content: Arc::new(asked.content),
        native: NativeBody {
            dialect: Dialect::Atp,
            bytes: Bytes::new(),
        },
        wants_stream: asked.stream.unwrap_or(true),
        wants_usage: false,
        choices: 1,
        max_cost_usd_micros: asked.max_cost_usd_micros,
        provider_preference: None,
    };
    let mut request = build(surface, identity, headers, correlation_id, &parsed)?;
    request.native = None;
    request.latency_slo_ms = asked.latency_slo_ms;
    if let Some(tier) = task.qos {
        request.tier = allowed(tier, identity, true)?;
    }
    if let Some(ms) = task.deadline_ms {
        let in_range = (1..=3_600_000).contains(&ms);
        request.deadline_ms = in_range
            .then_some(ms)
            .ok_or_else(|| Fault::new(Code::BadInput, "deadline_ms: write 1 to 3600000"))?;
    }
    let headers_scope = std::mem::take(&mut request.meta.data_scope);
    request.meta = TaskMeta {
        task_type: task.task_type.or(request.meta.task_type),
        languages: task.languages,
        risk: task.risk,
        data_scope: task.data_scope.into_iter().chain(headers_scope).collect(),
        tool_permissions: task.tool_permissions,
        environment_id: task.environment_id,
        security_groups: task.security_groups,
        idempotency_key: task.idempotency_key.or(request.meta.idempotency_key),
        personas: task.personas,
        expose_lanes: task.expose_lanes,
        reconciliation: task.reconciliation.or(request.meta.reconciliation),
        ..request.meta
    };
    Ok(request)
}

/// The tier that a wish for quality maps to (atp.md 7.2).
pub(super) const fn tier_of(quality: Quality) -> Tier {
    match quality {
        Quality::Fast => Tier::Bronze,
        Quality::Balanced => Tier::Silver,
        Quality::High => Tier::Gold,
    }
}

/// A tier that was asked for by name is not lowered silently; one that merely follows from something else is.
pub(super) fn allowed(tier: Tier, identity: &Identity, is_named: bool) -> Result<Tier, Fault> {
    if tier >= identity.tier_max {
        return Ok(tier);
    }
    match is_named {
        true => Err(Fault::new(
            Code::Policy,
            format!("this key may ask for {} at best", identity.tier_max),
        )),
        false => Ok(identity.tier_max),
    }
}

/// The members of `meta` that headers carry.
///
/// # Errors
/// `EBAD_INPUT` for a header that is not text.
pub(super) fn meta(headers: &HeaderMap) -> Result<TaskMeta, Fault> {
    let list = |name| -> Result<Vec<String>, Fault> {
        let items = text(headers, name)?.unwrap_or_default().split(',').map(str::trim);
        Ok(items.filter(|item| !item.is_empty()).map(str::to_owned).collect())
    };
    Ok(TaskMeta {
        task_type: text(headers, "x-atp-task-type")?.map(str::to_owned),
        data_scope: list("x-data-scope")?,
        idempotency_key: text(headers, "idempotency-key")?.map(str::to_owned),
        traceparent: text(headers, "traceparent")?.map(str::to_owned),
        reconciliation: text(headers, "x-atp-reconciliation")?.map(str::to_owned),
        ..TaskMeta::default()
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Fault> {
    match headers.get(name) {
        None => Ok(None),
        Some(value) => value
            .to_str()
            .map(Some)
            .map_err(|_| bad(name, "is not visible ASCII")),
    }
}

fn bad(name: &str, why: &str) -> Fault {
    Fault::new(Code::BadInput, format!("header {name}: {why}"))
}
