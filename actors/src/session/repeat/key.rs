//! When two requests are the same.

use atp_protocol::error::{Code, Fault};
use atp_protocol::limits::Limits;
use atp_protocol::request::AgentRequest;
use atp_protocol::resume::{IdempotencyKey, RequestHash, request_hash};
use atp_protocol::value::{Object, Value, json};

/// Longest key in bytes.
const KEY_MAX: usize = 128;

/// The request's key within its tenant.
///
/// # Errors
/// `EBAD_INPUT` for one that is empty or too long.
pub(super) fn of(request: &AgentRequest) -> Result<IdempotencyKey, Fault> {
    let key = request.meta.idempotency_key.clone().unwrap_or_default();
    if !(1..=KEY_MAX).contains(&key.len()) {
        let detail = format!("idempotency key: write 1 to {KEY_MAX} bytes");
        return Err(Fault::new(Code::BadInput, detail));
    }
    Ok(IdempotencyKey {
        tenant: request.identity.tenant.clone(),
        key,
    })
}

/// The hash of what is asked. A provider's body counts as it was received, with everything we do not understand, and with its
/// protocol, in which alone its answer makes sense.
pub(super) fn hash(request: &AgentRequest) -> Result<RequestHash, Fault> {
    let task_type = request.meta.task_type.as_deref();
    let hash = match &request.native {
        Some(native) => {
            let text = std::str::from_utf8(&native.bytes)
                .map_err(|_| Fault::new(Code::Proto, "the body is not UTF-8"))?;
            // The body is bounded in bytes already.
            let limits = Limits {
                nodes: usize::MAX,
                ..Limits::DEFAULT
            };
            let mut payload = Object::new();
            payload.set("protocol", Value::of(&native.dialect));
            payload.set("body", json::parse(text, &limits)?);
            request_hash(payload.into(), task_type, request.tier)
        }
        None => request_hash(Value::of(&*request.content), task_type, request.tier),
    };
    hash.map_err(|error| Fault::new(Code::BadInput, format!("the request cannot be hashed: {error}")))
}
