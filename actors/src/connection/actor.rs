//! The shell around [`connection::Connection`](atp_protocol::connection::Connection).

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, ResponseFuture};
use atp_protocol::connection::{self, Config, Event, Output, StreamKey};
use atp_protocol::container::compressed::Algorithm;
use atp_protocol::dialect::{self, Dialect, Endpoint, Mode};
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::frame::{self, Encoded, Frame, Outbound, Policy, Required, Wrapping};
use atp_protocol::hello::Role;
use atp_protocol::ids::SessionId;
use atp_protocol::limits::Limits;
use atp_protocol::request::Identity;
use atp_protocol::units::{Millis, UnixMillis};
use futures_util::{FutureExt, future};
use tracing::Span;

use super::agent::Pending;
use super::declarations::Declarations;
use super::egress::{EgressSender, Queues, Wire};
use super::elsewhere::Elsewhere;
use super::kept::{Kept, Routed};
use super::messages::{Drain, Gone, Incoming};
use super::pacing::Pacing;
use super::questions::Questions;
use crate::access::{Access, Refusals};
use crate::metrics::{Held, Holding, Sent};
use crate::registry::Claim;
use crate::session::Router;
use crate::spans;

/// Messages waiting; the transport and pumps wait beyond.
const MAILBOX: usize = 64;

/// Facts of a connection, from its upgrade request.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Name of this node.
    pub router_id: String,
    /// Query `session_id`.
    pub session_id: Option<String>,
    /// Query `dialect`.
    pub dialect: Option<String>,
    /// Dialects are accepted at all.
    pub accepts_dialects: bool,
    /// Encoding of the selected subprotocol: CBOR is agreed without a hello.
    pub is_cbor: bool,
    /// Largest frame in bytes.
    pub frame_bytes: usize,
    /// Deadline of a request that names none, in milliseconds.
    pub request_ms: u64,
    /// A hello must be fresh: it carries a `nonce` not seen before and the time (atp.md 8.1).
    pub needs_fresh_hello: bool,
    /// Whether and how often the credential may open a stream, its other calls included.
    pub access: Access,
    /// How long open streams may go on when the node leaves, in milliseconds.
    pub drain_ms: u64,
}

/// One connection.
pub struct Connection {
    pub(super) router: Rc<Router>,
    pub(super) identity: Arc<Identity>,
    pub(super) settings: ConnectionSettings,
    pub(super) machine: connection::Connection,
    pub(super) clients: BTreeMap<StreamKey, tokio::task::AbortHandle>,
    pub(super) calls: BTreeMap<StreamKey, Pending>,
    pub(super) kept: BTreeMap<StreamKey, Kept>,
    pub(super) elsewhere: Elsewhere,
    /// The adapter that the peer declared itself to be.
    pub(super) adapter: Option<Claim>,
    /// How often it did, and what is to come.
    pub(super) declarations: Declarations,
    pub(super) calls_made: u64,
    pub(super) questions: Questions,
    pub(super) limits: Limits,
    pub(super) queues: Queues,
    pub(super) role: Role,
    pub(super) dialect: Option<Option<Dialect>>,
    pub(super) is_cbor: bool,
    pub(super) is_lean: bool,
    /// What seals every frame, both ways.
    pub(super) required: Required,
    pub(super) compression: Option<Algorithm>,
    /// The session a hello came with.
    pub(super) named_session: Option<SessionId>,
    armed: Option<Millis>,
    pub(super) refusals: Refusals,
    pub(super) holding: Holding,
    pub(super) span: Span,
    /// When a message came last.
    pub(super) heard: Millis,
    pub(super) pacing: Pacing,
    _counted: Held,
}

impl Connection {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(
        router: Rc<Router>,
        identity: Arc<Identity>,
        settings: ConnectionSettings,
        out: EgressSender,
    ) -> Self {
        let session = settings
            .session_id
            .as_deref()
            .and_then(|id| SessionId::new(id).ok())
            .unwrap_or_else(|| router.shared.owners.mint_session(&router.world, &identity.tenant));
        let limits = Limits {
            frame_bytes: settings.frame_bytes,
            ..Limits::DEFAULT
        };
        let config = Config {
            limits,
            drain_timeout_ms: settings.drain_ms,
            ..Config::new(session)
        };
        let machine = connection::Connection::new(router.world.now(), config);
        let holding = router.world.meter.wire.holding();
        let span = spans::connection::connection(identity.tenant.as_str());
        let heard = router.world.now();
        let _counted = Held::by(&router.world.meter.requests.connections);
        Self {
            is_cbor: settings.is_cbor,
            router,
            identity,
            settings,
            machine,
            clients: BTreeMap::new(),
            calls: BTreeMap::new(),
            kept: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            adapter: None,
            declarations: Declarations::default(),
            calls_made: 0,
            questions: Questions::default(),
            limits,
            queues: out.0,
            role: Role::Client,
            dialect: None,
            is_lean: false,
            required: Required::default(),
            compression: None,
            named_session: None,
            armed: None,
            refusals: Refusals::default(),
            holding,
            span,
            heard,
            pacing: Pacing::default(),
            _counted,
        }
    }

    /// The client speaks a dialect.
    pub(super) const fn is_shimmed(&self) -> bool {
        matches!(self.dialect, Some(Some(_)))
    }

    pub(super) fn now(&self) -> Millis {
        self.router.world.now()
    }

    fn receive(&mut self, message: frame::Incoming<'_>, context: &mut Context<Self>) -> ResponseFuture<()> {
        if let Err(fault) = self.settings.access.check() {
            let waiting = self.turn_away(&fault, context);
            return self.queued(waiting);
        }
        let endpoint = Endpoint {
            session_id: self.settings.session_id.as_deref(),
            dialect: self.settings.dialect.as_deref(),
            is_mcp: false,
        };
        let policy = Policy {
            role: self.role,
            accepts_cbor: self.is_cbor,
            accepts_compressed: self.compression.is_some(),
            required: self.required,
            dialect: match self.dialect {
                None if self.settings.accepts_dialects => Mode::Detect(endpoint),
                Some(Some(dialect)) => Mode::Fixed(dialect, endpoint),
                None | Some(None) => Mode::Native,
            },
            ..Policy::baseline(&self.limits)
        };
        let unix = self.router.world.clock.unix();
        let tenant = &self.identity.tenant;
        let nonces = &self.router.shared.nonces;
        let now = self.router.world.now();
        let mut store = |nonce: frame::Nonce<'_>| nonces.check(now, unix, tenant, &nonce);
        let bytes = message.len();
        let mut call = None;
        let received = frame::ingress(unix, message, &policy, &mut store);
        let outputs = match received {
            Ok(received) => {
                if self.dialect.is_none() {
                    self.dialect = Some(received.dialect);
                    if received.dialect == Some(Dialect::Go) {
                        self.machine.take_unnamed_work();
                    }
                    spans::connection::speaks(&self.span, received.dialect);
                }
                let frame = received.frame.into_owned();
                self.count_received(&frame, received.is_cbor, bytes);
                self.trace_received(&frame);
                if let Some(Some(dialect)) = self.dialect
                    && let Some(text) = dialect::registered(dialect, &frame, unix)
                {
                    self.control(Wire::Message(Encoded::Text(text)), context);
                }
                call = (!self.calls.is_empty()).then(|| StreamKey::of(&frame));
                match self.greeted(&frame, &received.stamp) {
                    Err(fault) => {
                        self.count_refused(&fault);
                        self.machine.refuse_hello(&fault)
                    }
                    Ok(()) => {
                        self.machine.heard(now);
                        let routed = match self.route_elsewhere(frame, context) {
                            Routed::Other(frame) => self.route(*frame, context),
                            routed => routed,
                        };
                        match routed {
                            Routed::Other(frame) => self.machine.receive(now, *frame),
                            Routed::Refused(outputs) => outputs,
                            Routed::Taken(taking) => return taking,
                        }
                    }
                }
            }
            Err(fault) => {
                self.count_refused(&fault);
                self.machine.reject(now, &fault)
            }
        };
        let waiting = self.process(outputs, context);
        let queued = self.queued(waiting);
        match call.and_then(|key| self.calls.get(&key)) {
            // An agent is read no faster than its callers read.
            Some(pending) => Box::pin(future::join(queued, pending.reply.room()).map(drop)),
            None => queued,
        }
    }

    /// Takes a frame that passed its checks, of a stream of this node.
    pub(super) fn take(&mut self, frame: Frame<'static>, context: &mut Context<Self>) -> ResponseFuture<()> {
        let now = self.now();
        let outputs = match self.route(frame, context) {
            Routed::Other(frame) => self.machine.receive(now, *frame),
            Routed::Refused(outputs) => outputs,
            Routed::Taken(taking) => return taking,
        };
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }

    /// Carries outputs out, and what they lead to. Returns data messages for which the queue had no room.
    pub(super) fn process(&mut self, outputs: Vec<Output>, context: &mut Context<Self>) -> Vec<Wire> {
        let mut waiting = Vec::new();
        let mut outputs: std::collections::VecDeque<Output> = outputs.into();
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Transmit(frame) => self.transmit(Arc::unwrap_or_clone(frame), &mut waiting, context),
                Output::Deliver(event) => outputs.extend(self.deliver(event, context)),
                Output::Close(close) => {
                    if close == connection::Close::IDLE {
                        spans::connection::idle(&self.span, self.silent_s());
                    }
                    self.control(Wire::Close(close), context);
                    context.stop();
                }
            }
        }
        self.count_streams();
        self.arm(context);
        waiting
    }

    fn transmit(&mut self, mut frame: Frame<'static>, waiting: &mut Vec<Wire>, context: &mut Context<Self>) {
        let is_control = frame.payload.kind.is_none_or(|kind| !kind.is_sequenced());
        self.mark(&mut frame, is_control);
        let (kind, tier) = (Sent::of(&frame), frame.qos);
        self.trace_sent(kind, &frame);
        let encoded = match self.dialect {
            Some(Some(dialect)) => {
                dialect::reply(dialect, &frame, self.router.world.clock.unix()).map(Encoded::Text)
            }
            _ => {
                let nonce = self.required.nonce.then(|| self.router.world.mint("n_"));
                let fresh = nonce
                    .as_deref()
                    .map(|nonce| (nonce, self.router.world.clock.unix()));
                frame::encode(frame, &self.outbound(fresh)).ok()
            }
        };
        let Some(encoded) = encoded else { return };
        self.count_sent(kind, tier, &encoded);
        let wire = Wire::Message(encoded);
        if is_control {
            return self.control(wire, context);
        }
        match self.queues.data.try_send(wire) {
            Ok(()) => {}
            Err(tokio::sync::mpsc::error::TrySendError::Full(wire)) => waiting.push(wire),
            Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn outbound<'o>(&self, fresh: Option<(&'o str, UnixMillis)>) -> Outbound<'o> {
        let wrapping = if self.is_cbor {
            Wrapping::Cbor(None)
        } else {
            Wrapping::Json(None)
        };
        Outbound {
            wrapping,
            lean: self.is_lean,
            checksum: self.required.checksum,
            fresh,
            compression: self.compression,
            ..Outbound::json(self.machine.profile().limits.frame_bytes)
        }
    }

    fn control(&self, wire: Wire, context: &mut Context<Self>) {
        if !self.queues.control(wire) {
            context.stop();
        }
    }

    fn deliver(&mut self, event: Event, context: &mut Context<Self>) -> Vec<Output> {
        match event {
            Event::Hello(hello) => self.agree(&hello),
            Event::Open { key, frame } => self.open(key, &frame, context),
            Event::Message { key, frame } => self.message(&key, &frame),
            Event::Control { key, frame } => self.control_message(&key, &frame, context),
            Event::Reset { key, error } => self.reset(&key, error.map(|error| *error)),
            Event::Closed(key) => self.reset(&key, None),
            Event::LaneFailed { key, fault, .. } => self.lane_failed(&key, &fault),
            Event::Resume { key, .. } => {
                let fault = Fault::new(
                    Code::Resume,
                    "resume was not agreed on this connection; ask for it in the hello",
                );
                self.machine.fail(self.now(), &key, &fault)
            }
            Event::Agreed(ack) => {
                self.agreed(&ack);
                Vec::new()
            }
            Event::Congestion(key) => self.congested(&key, context),
            Event::PeerDead => {
                self.router.world.meter.wire.beats_missed.increment(1);
                context.stop();
                Vec::new()
            }
            // The pumps wait for the queue, and the queue for the peer; nothing else is to be done.
            Event::Finished(_) | Event::Full(_) | Event::Credit(_) | Event::Resumed { .. } => Vec::new(),
        }
    }

    /// The transport cannot find the next frame, so the connection ends with the refusal.
    fn too_big(&mut self, context: &mut Context<Self>) -> Vec<Wire> {
        let detail = format!(
            "a frame has at most {} bytes; split the message",
            self.limits.frame_bytes
        );
        let fault = Fault::new(Code::TooBig, detail).scoped(Scope::Connection);
        self.count_refused(&fault);
        let now = self.now();
        let outputs = self.machine.reject(now, &fault);
        self.process(outputs, context)
    }

    /// Sets a timer for the machine's next deadline, unless an earlier one is set.
    fn arm(&mut self, context: &mut Context<Self>) {
        let Some(at) = self.machine.next_deadline() else {
            return;
        };
        if self.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.armed = Some(at);
        let wait = Duration::from_millis(at.since(self.now()).max(1));
        context.run_later(wait, move |connection, context| {
            if connection.armed == Some(at) {
                connection.armed = None;
            }
            let now = connection.now();
            let outputs = connection.machine.tick(now, 0.0);
            let waiting = connection.process(outputs, context);
            connection.send_later(waiting, context);
        });
    }

    /// Sends what had no room, in order, as soon as there is.
    pub(super) fn send_later(&self, waiting: Vec<Wire>, context: &mut Context<Self>) {
        if !waiting.is_empty() {
            let sending = self.queued(waiting);
            context.spawn(actix::fut::wrap_future(sending));
        }
    }

    /// Resolves when everything is queued.
    pub(super) fn queued(&self, waiting: Vec<Wire>) -> ResponseFuture<()> {
        if waiting.is_empty() {
            return Box::pin(std::future::ready(()));
        }
        let data = self.queues.data.clone();
        Box::pin(async move {
            for wire in waiting {
                if data.send(wire).await.is_err() {
                    return;
                }
            }
        })
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        self.arm(context);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        // Those that are kept go on without this connection.
        self.kept.clear();
        for (_, pump) in std::mem::take(&mut self.clients) {
            // The session sees its reader go, cancels its lanes and settles.
            pump.abort();
        }
        self.fail_calls();
        if let Some(claim) = self.adapter.take() {
            let registry = self.router.registry.clone();
            tokio::task::spawn_local(async move { registry.withdraw(claim).await });
        }
    }
}

impl Handler<Incoming> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: Incoming, context: &mut Context<Self>) -> Self::Result {
        let waiting = match &message {
            Incoming::Text(text) => return self.receive(frame::Incoming::Text(text), context),
            Incoming::Binary(bytes) => return self.receive(frame::Incoming::Binary(bytes), context),
            Incoming::Pulse => {
                let now = self.now();
                self.machine.heard(now);
                Vec::new()
            }
            Incoming::TooBig => self.too_big(context),
            Incoming::NotText => {
                let outputs = self.machine.close(connection::Close::NOT_TEXT);
                self.process(outputs, context)
            }
            Incoming::NotWebSocket => {
                let outputs = self.machine.close(connection::Close::NOT_WEBSOCKET);
                self.process(outputs, context)
            }
        };
        self.queued(waiting)
    }
}

impl Handler<Drain> for Connection {
    type Result = ();

    fn handle(&mut self, _: Drain, context: &mut Context<Self>) {
        let now = self.now();
        let outputs = self.machine.drain(now);
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}

impl Handler<Gone> for Connection {
    type Result = ();

    fn handle(&mut self, _: Gone, context: &mut Context<Self>) {
        context.stop();
    }
}
