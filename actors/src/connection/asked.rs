//! From the frame that opens a stream to the request every surface shares.

use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::{Frame, Meta};
use atp_protocol::payload::{Body, Request};
use atp_protocol::request::{AgentRequest, Identity};
use atp_protocol::units::Amount;

use crate::environment::World;

/// The request in `frame`, for `identity`. `request_ms`: deadline of one that names none.
///
/// # Errors
/// `EPROTO` for a frame that asks for nothing, `EBAD_INPUT` for content that cannot be meant, `EPOLICY` for a tier above the
/// identity's.
pub(crate) fn request(
    world: &World,
    identity: &Identity,
    request_ms: u64,
    frame: &Frame<'static>,
) -> Result<AgentRequest, Fault> {
    let asked: Request = match Body::read(&frame.payload)? {
        Body::Request(asked) => *asked,
        Body::Dispatch(dispatch) => dispatch
            .content
            .ok_or_else(|| Fault::new(Code::BadInput, "agent.dispatch: content is missing"))?,
        _ => {
            let detail = format!(
                "a stream is opened with agent.request, not {}",
                frame.payload.name
            );
            return Err(Fault::new(Code::Proto, detail));
        }
    };
    let tier = frame.qos.unwrap_or_else(|| Request::tier(asked.content.quality));
    if tier < identity.tier_max {
        let detail = format!("this key may ask for {} at best", identity.tier_max);
        return Err(Fault::new(Code::Policy, detail));
    }
    let meta = frame.meta.as_ref();
    Ok(AgentRequest {
        id: world.request_id(),
        identity: identity.clone(),
        session: frame.session_id.clone(),
        stream: frame.stream_id.clone(),
        tier,
        window: frame.window,
        meta: meta.map(Meta::task).unwrap_or_default(),
        content: Arc::new(asked.content),
        native: None,
        wants_stream: asked.stream.unwrap_or(true),
        choices: 1,
        max_cost_usd_micros: asked.max_cost_usd_micros,
        budget: Amount::UNLIMITED,
        deadline_ms: meta.and_then(Meta::deadline_ms).unwrap_or(request_ms),
        latency_slo_ms: asked.latency_slo_ms,
        correlation_id: world.mint("cor_").into(),
    })
}
