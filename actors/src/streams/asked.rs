//! What a stream was asked, as its record keeps it, so that a later owner can run it again. A disk format.

use std::sync::Arc;

use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::{Frame, Incoming, Policy, ingress};
use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::limits::Limits;
use atp_protocol::request::Identity;
use atp_protocol::units::{Amount, Tier, UnixMillis, Window};
use serde::{Deserialize, Serialize};

use super::stream::Opening;
use super::{Around, Event, Head};

/// The format.
const FORMAT: u16 = 1;

/// Who asked what, and what was said around it.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    format: u16,
    tenant: TenantId,
    account: Option<AccountId>,
    tier_max: Tier,
    data_scopes: Option<Vec<String>>,
    is_admin: bool,
    may_declare_agents: bool,
    tier: Tier,
    window: Window,
    budget: Option<Amount>,
    data_scope: Vec<String>,
    idempotency_key: Option<String>,
    traceparent: Option<String>,
    correlation_id: Option<String>,
    request_ms: u64,
    /// The frame that asked, as JSON.
    frame: String,
}

/// What is asked on a stream, encoded; `None` for a frame that has no JSON form.
pub(super) fn encode(
    identity: &Identity,
    head: &Head,
    around: &Around,
    request_ms: u64,
    frame: &Frame<'static>,
) -> Option<Vec<u8>> {
    let asked = Asked {
        format: FORMAT,
        tenant: identity.tenant.clone(),
        account: identity.account.clone(),
        tier_max: identity.tier_max,
        data_scopes: identity.data_scopes.as_ref().map(|scopes| scopes.to_vec()),
        is_admin: identity.is_admin,
        may_declare_agents: identity.may_declare_agents,
        tier: head.tier,
        window: head.window,
        budget: head.budget,
        data_scope: around.data_scope.clone(),
        idempotency_key: around.idempotency_key.clone(),
        traceparent: around.traceparent.clone(),
        correlation_id: around.correlation_id.as_deref().map(str::to_owned),
        request_ms,
        frame: Event::of(frame.clone())?.data()?,
    };
    serde_json::to_vec(&asked).ok()
}

/// The idempotency key under which is asked, if there is one.
pub(super) fn idempotency_key(around: &Around, frame: &Frame<'_>) -> Option<String> {
    let meta = frame.meta.as_ref().map(|meta| meta.task());
    meta.and_then(|task| task.idempotency_key)
        .or_else(|| around.idempotency_key.clone())
}

/// The stream of that name as it was opened, and the frame that asked.
///
/// # Errors
/// `EAGENTDOWN` for what cannot be run again: nothing was kept, or a later release kept it.
pub(super) fn decode(bytes: &[u8], key: StreamKey) -> Result<(Opening, Frame<'static>), Fault> {
    let unusable = || Fault::new(Code::AgentDown, "the stream's owner was lost; ask again");
    let asked: Asked = serde_json::from_slice(bytes).map_err(|_| unusable())?;
    if asked.format != FORMAT {
        return Err(unusable());
    }
    let frame = frame(&asked.frame).ok_or_else(unusable)?;
    let identity = Identity {
        tier_max: asked.tier_max,
        data_scopes: asked.data_scopes.map(Arc::from),
        is_admin: asked.is_admin,
        may_declare_agents: asked.may_declare_agents,
        ..Identity::new(asked.tenant, asked.account)
    };
    let opening = Opening {
        identity: Arc::new(identity),
        key,
        head: Head {
            tier: asked.tier,
            window: asked.window,
            budget: asked.budget,
        },
        around: Around {
            data_scope: asked.data_scope,
            idempotency_key: asked.idempotency_key,
            traceparent: asked.traceparent,
            correlation_id: asked.correlation_id.map(Arc::from),
        },
        request_ms: asked.request_ms,
        idempotency_key: None,
        holder: None,
        epoch: None,
    };
    Ok((opening, frame))
}

/// A frame that was kept as JSON.
pub(super) fn frame(text: &str) -> Option<Frame<'static>> {
    // It passed these checks when it came, or was made here.
    let limits = Limits {
        frame_bytes: usize::MAX,
        ..Limits::DEFAULT
    };
    let policy = Policy::baseline(&limits);
    let received = ingress(UnixMillis(0), Incoming::Text(text), &policy, &mut |_| Ok(()));
    received.ok().map(|received| received.frame.into_owned())
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::{SessionId, StreamId};
    use atp_protocol::payload::{Kind, Partial, Payload};

    use super::*;

    fn key() -> StreamKey {
        StreamKey {
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new("a").unwrap(),
        }
    }

    #[test]
    fn a_request_is_read_back_as_it_came() {
        let payload = Payload::of(Kind::AgentRequest, &Partial::default());
        let asked = Frame::new(key().session, key().stream, 1, payload);
        let identity = Identity {
            tier_max: Tier::Silver,
            data_scopes: Some(vec!["eu".to_owned()].into()),
            ..Identity::new(TenantId::new("acme").unwrap(), None)
        };
        let head = Head {
            tier: Tier::Bronze,
            window: Window::MAX,
            budget: Some(Amount::ZERO),
        };
        let around = Around {
            data_scope: vec!["eu".to_owned()],
            correlation_id: Some("cor_1".into()),
            ..Around::default()
        };
        let bytes = encode(&identity, &head, &around, 1_000, &asked).unwrap();
        let (opening, again) = decode(&bytes, key()).unwrap();
        assert_eq!(*opening.identity, identity);
        assert_eq!((opening.head.tier, opening.head.budget), (head.tier, head.budget));
        assert_eq!(opening.around.correlation_id.as_deref(), Some("cor_1"));
        assert_eq!(opening.request_ms, 1_000);
        assert_eq!(again.payload.name, asked.payload.name);
        assert_eq!(again.msg_seq, 1);
    }

    #[test]
    fn what_was_not_kept_or_is_of_a_later_release_is_not_run_again() {
        for bytes in [&b""[..], b"{}", b"\xff"] {
            let fault = decode(bytes, key()).err().unwrap();
            assert_eq!(fault.code, Code::AgentDown);
        }
    }
}
