//! Leave to probe an endpoint whose circuit is half open.

use actix::{Addr, Message};
use atp_routing::breaker::Permit;

use super::AdapterActor;

/// A permit on its way with the call it was given for. Dropped without an outcome, because the call was called off or nobody
/// waited for the permit any more, it goes back and another call may have it.
pub(crate) struct Pass {
    permit: Option<Permit>,
    actor: Addr<AdapterActor>,
}

/// A permit comes back unused.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Unused(pub(super) Permit);

impl Pass {
    pub(super) const fn new(permit: Permit, actor: Addr<AdapterActor>) -> Self {
        Self {
            permit: Some(permit),
            actor,
        }
    }

    /// The permit, to go back with the outcome of the call.
    pub(crate) fn used(mut self) -> Option<Permit> {
        self.permit.take()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            // As many as probes may be out.
            self.actor.do_send(Unused(permit));
        }
    }
}
