//! Settings, calls and their outcomes.

use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, Form, LaneEvent, LaneFinal};
use atp_protocol::adapter::{Capability, UsageMode};
use atp_protocol::error::Fault;
use atp_protocol::ids::{AccountId, AdapterId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Dialect, Identity, NativeBody};
use atp_protocol::units::UnixMillis;
use futures_util::StreamExt;
use http::HeaderMap;

use crate::provider::UnixClock;
use crate::provider::settings::{Auth, Limits, Settings, Waits};

/// Settings of a local endpoint, with waits short enough for tests of what happens when they are over.
pub(in crate::provider) fn settings(base_url: http::Uri) -> Settings {
    let capability = Capability {
        models: vec!["m-1".to_owned()],
        usage_mode: UsageMode::Cumulative,
        ..Capability::new(AdapterId::new("p.test").unwrap(), "openai")
    };
    Settings {
        capability: Arc::new(capability),
        base_url,
        auth: Auth::None,
        headers: HeaderMap::new(),
        api_version: None,
        limit_member: None,
        waits: Waits::default(),
        limits: Limits::default(),
    }
}

pub(in crate::provider) fn clock() -> UnixClock {
    Arc::new(|| UnixMillis(0))
}

/// A call of the model `m-1` with a minute left.
pub(in crate::provider) fn call(
    form: Form,
    wants_stream: bool,
    native: Option<(Dialect, &str)>,
    content: Content,
) -> Call {
    let native = native.map(|(dialect, body)| NativeBody {
        dialect,
        bytes: bytes::Bytes::copy_from_slice(body.as_bytes()),
    });
    let identity = Identity::new(TenantId::new("t").unwrap(), Some(AccountId::new("a").unwrap()));
    let request = AgentRequest {
        native,
        wants_stream,
        deadline_ms: 60_000,
        ..AgentRequest::new(RequestId::new("r1").unwrap(), identity, content)
    };
    Call {
        form,
        idempotency_key: "k-1".into(),
        ..Call::new(Arc::new(request), "m-1".into())
    }
}

/// Everything a call yielded.
#[derive(Debug, Default)]
pub(in crate::provider) struct Outcome {
    /// Forwarded bytes, joined.
    pub(in crate::provider) bytes: Vec<u8>,
    /// Text of the partials, joined.
    pub(in crate::provider) text: String,
    pub(in crate::provider) out_tokens: u32,
    pub(in crate::provider) end: Option<Result<LaneFinal, Fault>>,
}

impl Outcome {
    pub(in crate::provider) fn done(self) -> LaneFinal {
        self.end.expect("the call ended").expect("the call went well")
    }

    pub(in crate::provider) fn fault(self) -> Fault {
        self.end.expect("the call ended").expect_err("the call failed")
    }
}

pub(in crate::provider) async fn run(adapter: &Rc<dyn Adapter>, call: Call) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stream = match adapter.stream(call).await {
        Ok(stream) => stream,
        Err(fault) => {
            outcome.end = Some(Err(fault));
            return outcome;
        }
    };
    while let Some(event) = stream.next().await {
        assert!(outcome.end.is_none(), "an event after the end");
        match event {
            Ok(LaneEvent::Forward {
                bytes, out_tokens, ..
            }) => {
                outcome.bytes.extend_from_slice(&bytes);
                outcome.out_tokens += out_tokens;
            }
            Ok(LaneEvent::Partial(partial)) => outcome.text.push_str(&partial.text),
            Ok(LaneEvent::Final(end)) => outcome.end = Some(Ok(*end)),
            Ok(other) => panic!("unexpected {other:?}"),
            Err(fault) => outcome.end = Some(Err(fault)),
        }
    }
    outcome
}

/// Builds an instance as an arbiter does.
pub(in crate::provider) fn build(factory: impl AdapterFactory) -> Rc<dyn Adapter> {
    factory.build()
}
