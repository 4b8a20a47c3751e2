//! Calls for tests.

use std::cell::Cell;
use std::sync::Arc;

use atp_actors::adapter::Call;
use atp_protocol::ids::{AccountId, RequestId, SessionId, StreamId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity};

/// A call that asks for `text` to be worked on, under a request id of its own.
pub(crate) fn call(text: &str) -> Call {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
    let id = format!("r{}", NEXT.replace(NEXT.get() + 1));
    let acme = TenantId::new("acme").unwrap();
    let identity = Identity::new(acme, Some(AccountId::new("acme").unwrap()));
    let request = AgentRequest {
        session: SessionId::new("session").unwrap(),
        stream: StreamId::new("stream").unwrap(),
        wants_stream: true,
        deadline_ms: 30_000,
        correlation_id: "correlation".into(),
        ..AgentRequest::new(RequestId::new(&id).unwrap(), identity, Content::prompt(text))
    };
    Call {
        idempotency_key: "key".into(),
        ..Call::new(Arc::new(request), "model".into())
    }
}
