//! What is said of requests that have ended, in the words of atp.md 27.3: a log line, and of errors a record.

use atp_protocol::error::{Code, Scope};
use atp_protocol::request::AgentRequest;
use atp_routing::audit::{Event, Subject};

use crate::audit;
use crate::environment::World;

/// A line at a level, with the names of the request.
macro_rules! at {
    ($level:ident, $request:expr, $($rest:tt)*) => {
        tracing::$level!(
            correlation_id = &*$request.correlation_id,
            session_id = $request.session.as_str(),
            stream_id = $request.stream.as_str(),
            tenant = $request.identity.tenant.as_str(),
            $($rest)*
        )
    };
}

pub(super) use at;

/// A request gives way to another.
pub(super) fn preempted(world: &World, request: &AgentRequest) {
    world.audit.note(Event::Preempted {
        subject: Subject::request(request),
        tier: request.tier,
    });
}

/// A request has ended after `latency_ms`, or was not admitted. A defect of ours is the operator's business, what else can
/// go wrong is the client's.
pub(super) fn ended(world: &World, request: &AgentRequest, failed: Option<Code>, latency_ms: u64) {
    if let Some(code) = failed {
        audit::failed(world, Subject::request(request), code, Scope::Stream);
    }
    match failed {
        Some(code @ Code::Internal) => at!(
            error,
            request,
            code = code.as_str(),
            latency_ms,
            "request failed inside the node"
        ),
        failed => {
            let code = failed.map(Code::as_str);
            at!(debug, request, code, latency_ms, "request ended");
        }
    }
}
