//! Calls of other nodes to adapters that are attached to this one.
//!
//! They take turns and places here as this node's own calls do, so that an adapter's window holds for the whole cluster; its breaker
//! is each caller's own. A node that drains takes no more of them, and those that run are cut with everything else.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use atp_protocol::adapter::{AgentStatus, Health};
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Estimate;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

use super::Router;
use super::load::Running;
use crate::adapter::{AdapterName, Call, Endpoint, LaneEvent, LaneStream, Place, full};

impl Router {
    /// Starts a call at an adapter that is attached to this node. Dropping what it yields cancels it.
    ///
    /// # Errors
    /// Of the adapter; `EAGENTDOWN` when it is not attached here, `EWINDOW_AGENT` when it takes no more work.
    pub async fn call_attached(&self, name: &AdapterName, call: Call) -> Result<LaneStream, Fault> {
        let endpoint = self.attached(name)?;
        let live = &endpoint.live;
        if live.status() != AgentStatus::Ready {
            let fault = Fault::new(Code::WindowAgent, "the adapter takes no new work at the moment");
            return Err(fault.scoped(Scope::Lane));
        }
        let turn = live.turn(self.world.now(), self.settings.turn_max_ms(&call.request))?;
        if turn.wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(turn.wait_ms)).await;
        }
        let place = live.enter(call.budget).map_err(full)?;
        turn.used();
        let load = &self.shared.load;
        let (running, is_cut) = (load.enter(&self.world.meter), Box::pin(load.is_cut()));
        let events = self.adapter(&endpoint).stream(call).await?;
        Ok(Box::pin(Attached {
            events,
            is_cut,
            _place: place,
            _running: running,
        }))
    }

    /// What a call would cost at an adapter that is attached to this node.
    ///
    /// # Errors
    /// As [`Self::call_attached`].
    pub async fn estimate_attached(&self, name: &AdapterName, call: &Call) -> Result<Estimate, Fault> {
        let endpoint = self.attached(name)?;
        self.adapter(&endpoint).estimate(call).await
    }

    /// The condition of an adapter that is attached to this node.
    ///
    /// # Errors
    /// As [`Self::call_attached`].
    pub async fn health_attached(&self, name: &AdapterName) -> Result<Health, Fault> {
        let endpoint = self.attached(name)?;
        self.adapter(&endpoint).health().await
    }

    fn attached(&self, name: &AdapterName) -> Result<Arc<Endpoint>, Fault> {
        let endpoint = self.registry.directory.named(name);
        let here = endpoint.filter(|endpoint| endpoint.elsewhere.is_none() && endpoint.is_compliant());
        here.ok_or_else(|| {
            let detail = format!("{} is not attached to the node that was asked", name.id);
            Fault::new(Code::AgentDown, detail).scoped(Scope::Lane)
        })
    }
}

/// A call that runs, with what it takes of this node.
struct Attached {
    events: LaneStream,
    is_cut: LocalBoxFuture<'static, ()>,
    _place: Place,
    _running: Running,
}

impl Stream for Attached {
    type Item = Result<LaneEvent, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_cut.as_mut().poll(context).is_ready() {
            let fault = Fault::new(Code::Draining, "the node of the adapter is stopping");
            return Poll::Ready(Some(Err(fault.scoped(Scope::Lane))));
        }
        self.events.as_mut().poll_next(context)
    }
}
