//! The actor of one stream.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Recipient, Running};
use atp_protocol::connection::{self, Config, Output, StreamKey};
use atp_protocol::error::{Code, Fault};
use atp_protocol::flow::Signal;
use atp_protocol::frame::{Flag, Frame};
use atp_protocol::limits::Limits;
use atp_protocol::payload::{Kind, WindowReason};
use atp_protocol::request::AgentRequest;
use atp_protocol::request::Identity;
use atp_protocol::resume::{Binding, ResumeToken, TokenHash, TokenTable};
use atp_protocol::stream::{State, Stream};
use atp_protocol::units::{Amount, Millis, UnixMillis, Window};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::messages::{Admitted, Around, Recorded, ToHolder};
use super::reserved::Reserved;
use super::{Event, Head, PARTED_MS, StreamSettings, WAIT_MS};
use crate::history::History;
use crate::session::{Facts, Repeat, Router, SessionFlow};

/// Messages waiting; their senders wait beyond.
const MAILBOX: usize = 64;

/// How often times are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Tokens of one stream that are out: a client may have lost the last ones on their way.
const TOKENS_MAX: usize = 8;

/// What a stream begins with.
pub struct Opening {
    /// Whose it is.
    pub identity: Arc<Identity>,
    /// Its name and its session's.
    pub key: StreamKey,
    /// What was said when it was opened.
    pub head: Head,
    /// What the request around that says.
    pub around: Around,
    /// Deadline of work that names none, in milliseconds.
    pub request_ms: u64,
    /// The idempotency key of the frame that opens it, if one does.
    pub idempotency_key: Option<String>,
    /// The WebSocket it was opened over; `None` over HTTP.
    pub holder: Option<Recipient<ToHolder>>,
    /// Under which epoch its record is written, if it has one already.
    pub epoch: Option<u64>,
}

/// One stream, kept apart from connections.
pub struct KeptStream {
    pub(super) router: Rc<Router>,
    pub(super) identity: Arc<Identity>,
    pub(super) key: StreamKey,
    pub(super) head: Head,
    pub(super) around: Around,
    pub(super) request_ms: u64,
    pub(super) machine: connection::Connection,
    pub(super) history: Arc<History<Event>>,
    /// Under which epoch its record is written, once it has one.
    pub(super) epoch: Option<u64>,
    pub(super) reserved: Reserved,
    /// Tokens that were given out before there was a record; from then on they are in that.
    pub(super) tokens: TokenTable,
    /// The last of them.
    pub(super) latest: Option<TokenHash>,
    /// The first token of the record, until somebody is given it.
    pub(super) spare: Option<ResumeToken>,
    pub(super) token_since: UnixMillis,
    pub(super) holder: Option<Recipient<ToHolder>>,
    /// Highest number received in the default lane.
    pub(super) received: u64,
    /// Whether the request is admitted, once that is known.
    pub(super) admission: watch::Sender<Option<Result<(Facts, Repeat), Fault>>>,
    pub(super) pump: Option<AbortHandle>,
    /// The window of its session, once it is admitted to it.
    pub(super) flow: Option<Arc<SessionFlow>>,
    pub(super) last: Option<Value>,
    pub(super) used: Amount,
    /// Its client has finished after its last word.
    pub(super) has_parted: bool,
    /// A request came.
    is_asked: bool,
    /// How it ended.
    ended: Option<State>,
    opened: Millis,
    touched: Millis,
    /// When the WebSocket went that held it, if nobody reads it since.
    left: Option<Millis>,
}

impl KeptStream {
    pub(super) fn new(router: Rc<Router>, opening: Opening, history: Arc<History<Event>>) -> Self {
        let now = router.world.now();
        let StreamSettings { buffer_bytes, .. } = router.shared.streams.settings;
        let limits = Limits {
            // Messages are kept whole, and cut for whoever reads them.
            frame_bytes: Limits::DEFAULT.message_bytes * 2,
            ..Limits::DEFAULT
        };
        let config = Config {
            limits,
            closes_idle: false,
            has_resume: true,
            send_buffer_bytes: buffer_bytes,
            ..Config::new(opening.key.session.clone())
        };
        Self {
            machine: connection::Connection::new(now, config),
            epoch: opening.epoch,
            reserved: Reserved::default(),
            tokens: TokenTable::new(TOKENS_MAX),
            latest: None,
            spare: None,
            token_since: UnixMillis(0),
            received: 0,
            admission: watch::Sender::new(None),
            pump: None,
            flow: None,
            last: None,
            used: Amount::ZERO,
            has_parted: false,
            is_asked: false,
            ended: None,
            opened: now,
            touched: now,
            left: None,
            router,
            history,
            identity: opening.identity,
            key: opening.key,
            head: opening.head,
            around: opening.around,
            request_ms: opening.request_ms,
            holder: opening.holder,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.router.world.now()
    }

    pub(super) fn settings(&self) -> StreamSettings {
        self.router.shared.streams.settings
    }

    pub(super) const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn binding(&self) -> Binding {
        Binding {
            tenant: self.identity.tenant.clone(),
            session: self.key.session.clone(),
            stream: self.key.stream.clone(),
        }
    }

    /// Keeps what the machine transmits, for readers; `replies` takes what answers the frame that is being taken instead.
    pub(super) fn transmit(&mut self, frame: Frame<'static>, replies: Option<&mut Vec<Frame<'static>>>) {
        let is_last = frame.flags.has(Flag::Rst) || frame.flags.has(Flag::Fin);
        match (frame.payload.kind, replies) {
            (Some(Kind::Ack), Some(replies)) => return replies.push(frame),
            (Some(Kind::Error), Some(replies)) if !is_last => return replies.push(frame),
            _ => {}
        }
        let event = self.event(frame);
        self.push(event);
    }

    /// What readers get of a frame.
    fn event(&self, mut frame: Frame<'static>) -> Option<Event> {
        if matches!(frame.payload.kind, Some(Kind::Heartbeat | Kind::Ack))
            || frame.stream_id != self.key.stream
        {
            return None;
        }
        // A whole message; the machine marks it for clients without a hello.
        frame.flags.remove(Flag::More);
        Event::of(frame)
    }

    /// What readers get of what is to be transmitted.
    pub(super) fn events(&self, outputs: Vec<Output>) -> Vec<Event> {
        let frames = outputs.into_iter().filter_map(|output| match output {
            Output::Transmit(frame) => Some(Arc::unwrap_or_clone(frame)),
            Output::Deliver(_) | Output::Close(_) => None,
        });
        frames.filter_map(|frame| self.event(frame)).collect()
    }

    /// Keeps events for readers.
    pub(super) fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.touched = self.now();
            let bytes = event.bytes();
            self.history.push(event, bytes);
        }
    }

    /// Keeps what is to be transmitted, for readers.
    pub(super) fn keep(&mut self, outputs: Vec<Output>) {
        let events = self.events(outputs);
        self.push(events);
    }

    /// Asks for the work in the stream's first message, once the stream is on record.
    ///
    /// # Errors
    /// What it is refused with at once; the stream has ended then.
    pub(super) fn open(&mut self, frame: &Frame<'static>, context: &mut Context<Self>) -> Result<(), Fault> {
        self.is_asked = true;
        let request = match self.request(frame) {
            Ok(request) => request,
            Err(fault) => {
                self.refuse(fault.clone());
                return Err(fault);
            }
        };
        match self.epoch {
            Some(_) => self.ask(request, context),
            None => self.record(request, frame, context),
        }
        Ok(())
    }

    /// Has the request admitted.
    fn ask(&mut self, request: AgentRequest, context: &mut Context<Self>) {
        let (router, stream) = (Rc::clone(&self.router), context.address());
        let opening = tokio::task::spawn_local(async move {
            let result = router.open(request).await;
            // A stream that has ended wants to know nothing, and what was opened for it is cancelled.
            let _ = stream.send(Admitted(result)).await;
        });
        self.pump = Some(opening.abort_handle());
    }

    /// The stream is on record, or cannot be. Answers whether it goes on.
    pub(super) fn recorded(&mut self, recorded: Recorded, context: &mut Context<Self>) -> bool {
        if self.is_over() {
            return false;
        }
        match recorded.result {
            Ok(epoch) => {
                self.epoch = Some(epoch);
                self.ask(*recorded.request, context);
            }
            Err(fault) => self.refuse(fault),
        }
        true
    }

    pub(super) fn refuse(&mut self, fault: Fault) {
        if fault.code == Code::Window {
            self.tell_window(WindowReason::Error);
        }
        self.admission.send_replace(Some(Err(fault.clone())));
        self.fail(&fault);
    }

    /// The window it goes by: its session's, else the client's own.
    pub(super) fn window(&self) -> Window {
        let flow = self.flow.as_ref();
        flow.map_or(self.head.window, |flow| flow.window())
    }

    /// Has the WebSocket that holds the stream tell the window of its session.
    pub(super) fn tell_window(&self, reason: WindowReason) {
        if let Some(holder) = &self.holder {
            holder.do_send(ToHolder::Window(self.key.session.clone(), reason));
        }
    }

    /// A frame came marked: its client, or what lies between, is asked to slow down.
    pub(super) fn congested(&self) {
        if let Some(flow) = &self.flow {
            flow.signal(&self.router.world, [Signal::Ecn]);
            self.tell_window(WindowReason::Ecn);
        }
    }

    /// Ends the stream with an error.
    pub(super) fn fail(&mut self, fault: &Fault) {
        if self.is_over() {
            return;
        }
        self.router.world.meter.error(fault.code, fault.scope);
        let now = self.now();
        let outputs = self.machine.fail(now, &self.key, fault);
        let events = self.events(outputs);
        self.finish_later(&events);
        self.push(events);
        self.end(State::Reset);
    }

    pub(super) fn end(&mut self, state: State) {
        if self.is_over() {
            return;
        }
        self.ended = Some(state);
        self.touched = self.now();
        self.history.close();
        let streams = &self.router.shared.streams;
        streams.ended(self.touched, &self.identity.tenant, &self.key, &self.history);
        if let Some(pump) = self.pump.take() {
            // The session sees its reader go, cancels its lanes and settles.
            pump.abort();
        }
        let cancelled = || Fault::new(Code::Cancel, "the stream was ended before it was admitted");
        self.admission.send_if_modified(|admission| {
            let is_open = admission.is_none();
            admission.get_or_insert_with(|| Err(cancelled()));
            is_open
        });
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let now = self.now();
        self.look_around(now);
        let is_stuck = self.is_over() || !self.history.has_room();
        let keep_ms = match self.has_parted {
            true => PARTED_MS,
            false => self.settings().ttl_ms,
        };
        if is_stuck && now.since(self.touched) > keep_ms {
            return context.stop();
        }
        if self.is_over() {
            return;
        }
        if !self.is_asked && now.since(self.opened) > WAIT_MS {
            let detail = "no request came on the stream; POST it to its frames";
            return self.fail(&Fault::new(Code::Timeout, detail).terminal());
        }
        if self.left.is_some_and(|left| now.since(left) > keep_ms) {
            let detail = "nobody came back to the stream in time; open another";
            return self.fail(&Fault::new(Code::Timeout, detail).terminal());
        }
        // Frames come when they come: silence between them means nothing.
        self.machine.heard(now);
        let outputs = self.machine.tick(now, 0.0);
        // Nobody asked, so nobody is answered: what ends the stream its readers are told.
        let _ = self.process(outputs, &mut Vec::new(), context);
        self.renew_token(context);
    }

    /// Whether somebody is there.
    fn look_around(&mut self, now: Millis) {
        let is_read = self.history.readers() > 0;
        if is_read && !self.is_over() {
            self.touched = now;
        }
        // One over HTTP runs to its end without readers: its state can be looked at.
        let is_awaited = self.holder.is_some() && !is_read;
        self.left = is_awaited.then(|| self.left.unwrap_or(now));
    }

    pub(super) fn state(&self) -> State {
        let running = || self.machine.streams().next().map_or(State::Idle, Stream::state);
        let away = || self.left.map(|_| State::Suspended);
        self.ended.or_else(away).unwrap_or_else(running)
    }

    /// The last number sent in each lane, of those that are kept.
    pub(super) fn lanes(&self) -> BTreeMap<String, u64> {
        let (_, kept) = self.history.snapshot();
        let places = kept.into_iter().filter_map(|event| event.place);
        places
            .map(|(lane, seq)| (lane.key(&self.key.stream), seq))
            .collect()
    }
}

impl Actor for KeptStream {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, Self::tick);
    }

    /// Nobody comes back to it: its record may go.
    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        self.close_later();
        Running::Stop
    }
}

/// However it ends, panics included: readers are told, its session is cancelled, its name is free.
impl Drop for KeptStream {
    fn drop(&mut self) {
        self.end(State::Reset);
        let streams = &self.router.shared.streams;
        streams.remove(&self.identity.tenant, &self.key, &self.history);
    }
}
