//! Whose a stream is, and a way to there.

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use atp_protocol::cluster::NodeId;
use atp_protocol::connection::StreamKey;
use atp_protocol::dialect::Dialect;
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::Frame;
use atp_protocol::hello::Role;
use atp_protocol::payload::Kind;

use super::{Carried, Others, Reach, Way};
use crate::connection::actor::Connection;
use crate::connection::kept::Routed;
use crate::owners::Owner;

/// Owners that are tried before a stream is refused.
const TRIES: usize = 2;

/// The owner of a stream was looked for.
#[derive(Message)]
#[rtype(result = "()")]
struct Sought {
    key: StreamKey,
    found: Result<Found, Fault>,
}

enum Found {
    /// It is this node.
    Here,
    /// It is that node, to which there was a way.
    Known(NodeId),
    /// It is at the end of this way.
    At(Way),
}

impl Connection {
    /// Takes a frame of a stream that belongs to another node.
    pub(in crate::connection) fn route_elsewhere(
        &mut self,
        frame: Frame<'static>,
        context: &mut Context<Self>,
    ) -> Routed {
        let Some((others, reach)) = self.elsewhere.others.clone() else {
            return Routed::Other(Box::new(frame));
        };
        let key = StreamKey::of(&frame);
        let comes_back = frame.payload.kind == Some(Kind::Resume);
        let is_news = comes_back || self.opens_anew(&key, &frame);
        let carried = self.elsewhere.streams.get(&key);
        if carried.is_some_and(|carried| !(is_news && (comes_back || carried.is_over))) {
            return Routed::Taken(self.pass_on(&key, frame, context));
        }
        let is_here = self.clients.contains_key(&key) || (self.kept.contains_key(&key) && !comes_back);
        let takes_back = !comes_back || self.machine.profile().has_resume;
        if !is_news || is_here || !takes_back || self.role != Role::Client {
            return Routed::Other(Box::new(frame));
        }
        let place = others.place(&self.identity.tenant, &key, comes_back);
        let refusal = match (place, reach) {
            (Owner::Here, Reach::Refuse) if !comes_back && others.is_draining() => Some(leaving()),
            (Owner::Here, _) | (Owner::Nobody, Reach::Refuse) => return Routed::Other(Box::new(frame)),
            (Owner::At(node), Reach::Refuse | Reach::Redirect) => Some(moved(&*others, node)),
            (Owner::At(_) | Owner::Nobody, Reach::Relay) | (Owner::Nobody, Reach::Redirect) => {
                self.machine.check_room(&key).err()
            }
        };
        if let Some(fault) = refusal {
            return Routed::Refused(self.refuse(&key, &fault));
        }
        let carried = Carried {
            at: None,
            comes_back,
            unanswered: Some(vec![frame]),
            was_moved: false,
            is_over: false,
            passing: Some(self.router.shared.load.pass()),
        };
        self.elsewhere.forget(&key);
        self.elsewhere.streams.insert(key.clone(), carried);
        self.machine.carry(key.clone());
        Routed::Taken(self.seek(key, None, context))
    }

    /// Whether a frame asks for a stream that is to be opened.
    fn opens_anew(&self, key: &StreamKey, frame: &Frame<'_>) -> bool {
        let kind = frame.payload.kind;
        let is_request = kind == Some(Kind::AgentRequest) && frame.flags.may_open();
        if key.stream.is_control() {
            // Clients of this dialect name no stream.
            return is_request && self.dialect == Some(Some(Dialect::Go));
        }
        let is_control = kind.is_some_and(|kind| !kind.is_sequenced());
        (frame.flags.opens() && !is_control) || (is_request && self.machine.profile().is_legacy)
    }

    /// Looks for the owner of a stream that is carried, and makes a way to it.
    pub(super) fn seek(
        &mut self,
        key: StreamKey,
        but: Option<NodeId>,
        context: &Context<Self>,
    ) -> ResponseFuture<()> {
        let (others, reach) = self.elsewhere.others.clone().expect("a stream is carried");
        let comes_back = self.elsewhere.streams.get(&key).is_some_and(|of| of.comes_back);
        let known: Vec<NodeId> = self.elsewhere.ways.keys().copied().collect();
        let (tenant, is_cbor) = (self.identity.tenant.clone(), self.is_cbor);
        let connection = context.address();
        Box::pin(async move {
            let mut but = but;
            let mut tries = 0;
            let found = loop {
                tries += 1;
                let node = match others.owner(&tenant, &key, comes_back, but).await {
                    Ok(None) => break Ok(Found::Here),
                    Ok(Some(node)) if reach != Reach::Relay => break Err(moved(&*others, node)),
                    Ok(Some(node)) if known.contains(&node) => break Ok(Found::Known(node)),
                    Ok(Some(node)) => node,
                    Err(fault) => break Err(fault),
                };
                match others.connect(node, &key.session, is_cbor).await {
                    // Nothing was sent, and another will own what that one did.
                    Err(_) if tries < TRIES => but = Some(node),
                    connected => break connected.map(Found::At),
                }
            };
            // A connection that has ended looks for nobody.
            let _ = connection.send(Sought { key, found }).await;
        })
    }

    /// A stream that was to be carried is not.
    pub(super) fn give_up(
        &mut self,
        key: &StreamKey,
        fault: &Fault,
        context: &mut Context<Self>,
    ) -> ResponseFuture<()> {
        self.elsewhere.forget(key);
        let now = self.now();
        let mut outputs = self.refuse(key, fault);
        outputs.extend(self.machine.uncarry(now, key));
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }

    /// As [`Self::seek`], while other frames come.
    pub(super) fn seek_again(&mut self, key: StreamKey, but: NodeId, context: &mut Context<Self>) {
        let seeking = self.seek(key, Some(but), context);
        context.spawn(seeking.into_actor(self).map(|(), _, _| {}));
    }
}

impl Handler<Sought> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Sought { key, found }: Sought, context: &mut Context<Self>) -> Self::Result {
        let relays = &self.router.world.meter.relays;
        match found {
            Ok(Found::Known(_) | Found::At(_)) => relays.answered.increment(1),
            Err(_) => relays.failed.increment(1),
            Ok(Found::Here) => {}
        }
        let node = match found {
            Ok(Found::Here) => return self.take_here(&key, context),
            Ok(Found::Known(node)) => node,
            Ok(Found::At(way)) => self.opened(way, &key, context),
            Err(fault) => return self.give_up(&key, &fault, context),
        };
        if !self.elsewhere.ways.contains_key(&node) {
            let fault = Fault::new(
                Code::Internal,
                "the way to the session's owner was lost; try again",
            );
            return self.give_up(&key, &fault.retry_after(500), context);
        }
        let Some(carried) = self.elsewhere.streams.get_mut(&key) else {
            return done();
        };
        carried.at = Some(node);
        let frames = carried.unanswered.clone().unwrap_or_default();
        self.send_to(node, frames)
    }
}

impl Connection {
    /// A stream for which an owner was looked for belongs here.
    fn take_here(&mut self, key: &StreamKey, context: &mut Context<Self>) -> ResponseFuture<()> {
        let carried = self.elsewhere.streams.remove(key);
        let now = self.now();
        let frames = carried.and_then(|carried| carried.unanswered).unwrap_or_default();
        let takes: Vec<_> = frames
            .into_iter()
            .map(|frame| self.take(frame, context))
            .collect();
        let outputs = match self.kept.contains_key(key) {
            true => Vec::new(),
            false => self.machine.uncarry(now, key),
        };
        let waiting = self.process(outputs, context);
        let queued = self.queued(waiting);
        Box::pin(async move {
            for taken in takes {
                taken.await;
            }
            queued.await;
        })
    }
}

pub(super) fn done() -> ResponseFuture<()> {
    Box::pin(std::future::ready(()))
}

fn leaving() -> Fault {
    Fault::new(Code::Draining, "the node is leaving; reconnect to another").retry_after(0)
}

fn moved(others: &dyn Others, node: NodeId) -> Fault {
    let fault = Fault::new(Code::Moved, format!("node {node} owns the session"));
    match others.location(node) {
        Some(location) => fault.at(location),
        None => fault,
    }
}
