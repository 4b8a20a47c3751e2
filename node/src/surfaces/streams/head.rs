//! What the head of an HTTP request says about the frames in its body.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use atp_actors::streams::Around;
use atp_protocol::error::Fault;

use crate::surfaces::request;

/// Reads the headers that every surface knows.
///
/// # Errors
/// `EBAD_INPUT` for a header that cannot be used.
pub(super) fn read(headers: &HeaderMap, correlation_id: &Arc<str>) -> Result<Around, Fault> {
    let meta = request::meta(headers)?;
    Ok(Around {
        data_scope: meta.data_scope,
        idempotency_key: meta.idempotency_key,
        traceparent: meta.traceparent,
        correlation_id: Some(Arc::clone(correlation_id)),
    })
}
