//! An adapter of another node, as the registry here knows it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory, AdapterName, Call, LaneEvent, LaneStream};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Estimate;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, stream};

use super::frames;
use super::lanes::Open;
use super::v1::{self, Answer, Ask};
use crate::environment::ByteStream;

/// Calls an adapter at the node it is attached to.
#[derive(Clone)]
pub(super) struct RemoteAdapter {
    name: AdapterName,
    capability: Arc<Capability>,
    node: NodeId,
    lanes: Arc<dyn Open>,
}

impl RemoteAdapter {
    pub(super) fn new(
        name: AdapterName,
        capability: Arc<Capability>,
        node: NodeId,
        lanes: Arc<dyn Open>,
    ) -> Self {
        Self {
            name,
            capability,
            node,
            lanes,
        }
    }

    /// Asks, and returns the first answer with what else comes. `is_outcome_known`: whatever was done leaves no trace if
    /// the link is lost.
    fn ask(
        &self,
        ask: Ask,
        body: Bytes,
        is_outcome_known: bool,
    ) -> LocalBoxFuture<'static, Result<(Answer, Rest), Fault>> {
        let (opening, lost) = (self.lanes.open(self.node), Lost(self.name.clone(), self.node));
        async move {
            let mut stream = opening.await.map_err(|error| lost.unreachable(&error))?;
            let asked = async {
                frames::write(&mut stream, &ask, &body).await?;
                frames::read::<Answer>(&mut stream).await
            };
            let (answer, _) = asked.await.map_err(|error| match is_outcome_known {
                true => lost.fault(&error),
                false => lost.fault(&error).outcome_unknown(),
            })?;
            Ok((answer, Rest { stream, lost }))
        }
        .boxed_local()
    }
}

impl AdapterFactory for RemoteAdapter {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(self.clone())
    }
}

impl Adapter for RemoteAdapter {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.capability)
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let (call, body) = v1::Call::of(&self.name, call);
        let asked = self.ask(Ask::Estimate(Box::new(call)), body, true);
        async move {
            match asked.await? {
                (Answer::Estimate(estimate), _) => Ok(estimate),
                (other, rest) => Err(rest.lost.unfit(other)),
            }
        }
        .boxed_local()
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        // Of an answer in one piece nobody knows how much was done; what came of a stream was seen.
        let is_outcome_known = call.request.wants_stream;
        let (call, body) = v1::Call::of(&self.name, &call);
        let asked = self.ask(Ask::Stream(Box::new(call)), body, is_outcome_known);
        async move {
            match asked.await? {
                (Answer::Accepted, rest) => Ok(events(rest, is_outcome_known)),
                (other, rest) => Err(rest.lost.unfit(other)),
            }
        }
        .boxed_local()
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        let asked = self.ask(Ask::Health((&self.name).into()), Bytes::new(), true);
        async move {
            match asked.await? {
                (Answer::Health(health), _) => Ok(health),
                (other, rest) => Err(rest.lost.unfit(other)),
            }
        }
        .boxed_local()
    }
}

/// What is still to come of an answer. Dropping it cancels the call over there.
struct Rest {
    stream: Box<dyn ByteStream>,
    lost: Lost,
}

impl Rest {
    async fn next(&mut self, is_outcome_known: bool) -> Result<LaneEvent, Fault> {
        let read = frames::read(&mut self.stream).await;
        let (answer, bytes) = read.map_err(|error| match is_outcome_known {
            true => self.lost.fault(&error),
            false => self.lost.fault(&error).outcome_unknown(),
        })?;
        match answer {
            Answer::Event(event) => Ok(event.read(bytes)),
            other => Err(self.lost.unfit(other)),
        }
    }
}

fn events(rest: Rest, is_outcome_known: bool) -> LaneStream {
    Box::pin(stream::unfold(Some(rest), move |rest| async move {
        let mut rest = rest?;
        let event = rest.next(is_outcome_known).await;
        let is_over = matches!(event, Err(_) | Ok(LaneEvent::Final(_)));
        Some((event, (!is_over).then_some(rest)))
    }))
}

/// Says what failed between here and the adapter.
struct Lost(AdapterName, NodeId);

impl Lost {
    fn unreachable(&self, error: &io::Error) -> Fault {
        self.down(format_args!("cannot be reached: {error}"))
    }

    fn fault(&self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::InvalidInput => {
                let detail = format!("{}: the request is {error}", self.0.id);
                Fault::new(Code::TooBig, detail).scoped(Scope::Lane)
            }
            io::ErrorKind::InvalidData => self.unreadable(error),
            _ => self.down(format_args!("was lost: {error}")),
        }
    }

    /// What is no answer to the question.
    fn unfit(&self, answer: Answer) -> Fault {
        match answer {
            Answer::Fault(fault) => fault.into(),
            Answer::Accepted | Answer::Estimate(_) | Answer::Health(_) | Answer::Event(_) => {
                self.unreadable(&"the answer is to another question")
            }
        }
    }

    fn down(&self, what: std::fmt::Arguments<'_>) -> Fault {
        let detail = format!("{}: node {}, to which it is attached, {what}", self.0.id, self.1);
        Fault::new(Code::AgentDown, detail).scoped(Scope::Lane)
    }

    fn unreadable(&self, why: &dyn std::fmt::Display) -> Fault {
        let detail = format!(
            "{}: what node {} answers cannot be read: {why}; are all nodes of one release?",
            self.0.id, self.1
        );
        Fault::new(Code::Adapter, detail).scoped(Scope::Lane)
    }
}
