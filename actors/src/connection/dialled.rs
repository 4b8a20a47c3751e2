//! A dialled-in agent as an adapter: calls travel to its connection, wherever that is, and its events back.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix::Addr;
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Estimate;
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;

use super::actor::Connection;
use super::events::{Unread, events};
use super::messages::{Abandon, AskEstimate, Dispatch, Superseded};
use crate::adapter::{Adapter, AdapterFactory, Call, LaneEvent, LaneStream};

/// The agent of a connection.
#[derive(Clone)]
pub(super) struct Dialled {
    capability: Arc<Capability>,
    connection: Addr<Connection>,
    /// Which declaration of the connection this is.
    declaration: u64,
}

impl Dialled {
    pub(super) fn new(capability: Arc<Capability>, connection: Addr<Connection>, declaration: u64) -> Self {
        Self {
            capability,
            connection,
            declaration,
        }
    }
}

impl AdapterFactory for Dialled {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(self.clone())
    }

    fn superseded(&self) {
        self.connection.do_send(Superseded(self.declaration));
    }
}

impl Adapter for Dialled {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.capability)
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let (reply, answer) = oneshot::channel();
        let call = call.clone();
        // A connection that is behind has no time for questions.
        let asked = self.connection.try_send(AskEstimate { call, reply });
        let unasked = || Fault::new(Code::WindowAgent, "the agent could not be asked");
        Box::pin(async move {
            asked.map_err(|_| unasked())?;
            answer.await.map_err(|_| unasked())?
        })
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let connection = self.connection.clone();
        Box::pin(async move {
            let (reply, events) = events();
            let lost = |_| Fault::new(Code::AgentDown, "the agent's connection was lost").scoped(Scope::Lane);
            let guard = connection.send(Dispatch { call, reply }).await.map_err(lost)??;
            Ok(Box::pin(Events { events, guard }) as LaneStream)
        })
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        // It reports by itself; being connected is all that can be said here.
        let is_there = self.connection.connected();
        Box::pin(std::future::ready(match is_there {
            true => Ok(Health::HEALTHY),
            false => Err(Fault::new(Code::AgentDown, "the agent's connection was lost")),
        }))
    }
}

/// Tells the agent when nobody reads its events any more.
pub(super) struct Guard {
    connection: Addr<Connection>,
    key: Option<StreamKey>,
}

impl Guard {
    pub(super) const fn new(connection: Addr<Connection>, key: StreamKey) -> Self {
        Self {
            connection,
            key: Some(key),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.connection.do_send(Abandon(key));
        }
    }
}

struct Events {
    events: Unread,
    guard: Guard,
}

impl Stream for Events {
    type Item = Result<LaneEvent, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = std::task::ready!(self.events.poll_next_unpin(context));
        if matches!(event, None | Some(Err(_) | Ok(LaneEvent::Final(_)))) {
            // It ended by itself and need not be told.
            self.guard.key = None;
        }
        Poll::Ready(event)
    }
}
