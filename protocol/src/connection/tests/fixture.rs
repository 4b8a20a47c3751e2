//! Two connections and the wire between them.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use crate::connection::{Config, Connection, Event, Output, StreamKey};
use crate::error::ControlError;
use crate::frame::{Flag, Frame, Meta};
use crate::hello::{Features, Hello, HelloAck, Role};
use crate::ids::{SessionId, StreamId};
use crate::payload::{Kind, Payload};
use crate::units::{Millis, Tier, Window};
use crate::value::{Object, Value};

pub(super) fn key(stream: &str) -> StreamKey {
    StreamKey {
        session: SessionId::new("s").unwrap(),
        stream: StreamId::new(stream).unwrap(),
    }
}

pub(super) const fn window() -> Window {
    Window {
        max_parallel: 4,
        max_tokens: 1_000,
        max_usd_micros: 1_000,
    }
}

pub(super) fn meta(members: &[(&'static str, &'static str)]) -> Meta<'static> {
    let tree: Object<'static> = [
        ("v", Value::from(1_u32)),
        ("session_id", "s".into()),
        ("stream_id", "a".into()),
        ("msg_seq", 0_u32.into()),
        ("meta", members.iter().copied().collect::<Object<'_>>().into()),
        (
            "payload",
            [("type", Value::from("heartbeat"))]
                .into_iter()
                .collect::<Object<'_>>()
                .into(),
        ),
    ]
    .into_iter()
    .collect();
    let frame = Frame::read(tree.into(), 0, &crate::limits::Limits::DEFAULT).unwrap();
    frame.meta.unwrap()
}

pub(super) fn payload(kind: Kind, text: &str) -> Payload<'static> {
    let content: Object<'static> = [("text", text.to_owned())].into_iter().collect();
    Payload::new(kind, content)
}

pub(super) fn request(text: &str) -> Payload<'static> {
    payload(Kind::AgentRequest, text)
}

pub(super) fn partial(text: &str) -> Payload<'static> {
    payload(Kind::AgentPartial, text)
}

pub(super) fn config() -> Config {
    Config::new(SessionId::new("s").unwrap())
}

pub(super) fn router() -> Connection {
    Connection::new(Millis(0), config())
}

fn hello(features: &[&str]) -> Hello {
    Hello {
        versions: vec!["1.1".to_owned()],
        version: None,
        encodings: vec!["json".to_owned()],
        compressions: Vec::new(),
        features: Features::List(features.iter().map(|&feature| feature.to_owned()).collect()),
        qos: Vec::new(),
        role: Role::Client,
        hb_interval_ms: None,
        idle_fin_ms: None,
        max_frame_bytes: None,
        max_message_bytes: None,
        sdk: None,
    }
}

pub(super) fn hello_payload(features: &[&str]) -> Payload<'static> {
    Payload::of(Kind::Hello, &hello(features))
}

fn hello_ack(hello: &Hello) -> HelloAck {
    HelloAck {
        version: "1.1".to_owned(),
        encoding: "json".to_owned(),
        compression: None,
        features: hello.features.clone(),
        qos: Tier::Silver,
        qos_allowed: Tier::ALL.to_vec(),
        session_id: "s".to_owned(),
        hb_interval_ms: 5_000,
        idle_fin_ms: 30_000,
        max_frame_bytes: 1024 * 1024,
        max_message_bytes: 16 * 1024 * 1024,
        window: window(),
        router_id: "r".to_owned(),
        server_time: 0,
        resume_ttl_ms: 300_000,
        level: 3,
    }
}

/// One end and what its user has learnt, as short texts.
pub(super) struct End {
    connection: Connection,
    events: Vec<Event>,
}

impl Deref for End {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for End {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl End {
    pub(super) fn new(config: Config) -> Self {
        Self {
            connection: Connection::new(Millis(0), config),
            events: Vec::new(),
        }
    }

    pub(super) fn detach(self) -> (Vec<crate::stream::Stream>, Vec<StreamKey>) {
        self.connection.detach()
    }

    /// Takes what the user is told; returns what goes over the wire.
    pub(super) fn absorb(&mut self, out: Vec<Output>) -> Vec<Frame<'static>> {
        let mut frames = Vec::new();
        for output in out {
            match output {
                Output::Transmit(frame) => frames.push(Frame::clone(&frame)),
                Output::Deliver(event) => self.events.push(event),
                Output::Close(close) => panic!("closed: {close:?}"),
            }
        }
        frames
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let text = |frame: &Frame<'_>| frame.payload.text().unwrap_or_default().to_owned();
        let say = |event: &Event| match event {
            Event::Open { frame, .. } => Some(format!("open {}", text(frame))),
            Event::Message { frame, .. } if frame.payload.kind == Some(Kind::AgentEvent) => None,
            Event::Message { frame, .. } => Some(text(frame)),
            Event::Control { frame, .. } => Some(format!("control {}", text(frame))),
            Event::Finished(_) => Some("finished".to_owned()),
            Event::Closed(_) => Some("closed".to_owned()),
            Event::Credit(_) => Some("credit".to_owned()),
            Event::Full(_) => Some("full".to_owned()),
            Event::Reset { error, .. } => {
                let code = error.as_deref().map(|ControlError { code, .. }| code.as_ref());
                Some(format!("reset {}", code.unwrap_or_default()))
            }
            Event::Resumed { ack, .. } => Some(format!("resumed {}", ack.replaying)),
            Event::LaneFailed { .. } => Some("lane failed".to_owned()),
            Event::Hello(_)
            | Event::Agreed(_)
            | Event::Congestion(_)
            | Event::Resume { .. }
            | Event::PeerDead => None,
        };
        self.events.iter().filter_map(say).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Router,
}

/// Two ends and a wire that loses nothing.
pub(super) struct Wire {
    pub(super) client: End,
    pub(super) router: End,
    pub(super) now: Millis,
}

impl Wire {
    pub(super) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Router => &mut self.router,
        }
    }

    /// Carries frames to and fro until nobody has anything to say.
    pub(super) fn pass(&mut self, from: Side, out: Vec<Output>) {
        let mut waiting: VecDeque<(Side, Frame<'static>)> = VecDeque::new();
        waiting.extend(self.end(from).absorb(out).into_iter().map(|frame| (from, frame)));
        while let Some((from, frame)) = waiting.pop_front() {
            let to = if from == Side::Client {
                Side::Router
            } else {
                Side::Client
            };
            let now = self.now;
            let out = self.end(to).receive(now, frame);
            waiting.extend(self.end(to).absorb(out).into_iter().map(|frame| (to, frame)));
        }
    }

    /// The client asks `hi` on stream `a`.
    pub(super) fn ask(&mut self, tier: Tier) {
        let out = self
            .client
            .open(self.now, key("a"), (tier, window()), meta(&[]), request("hi"))
            .expect("the stream is free");
        self.pass(Side::Client, out);
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, until: Millis) {
        loop {
            let due = [self.client.next_deadline(), self.router.next_deadline()]
                .into_iter()
                .flatten()
                .min();
            match due.filter(|due| *due <= until) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
            for side in [Side::Client, Side::Router] {
                let now = self.now;
                let out = self.end(side).tick(now, 0.0);
                self.pass(side, out);
            }
        }
        self.now = until;
    }
}

/// Two ends that have agreed on `features`.
pub(super) fn connected(features: &[&str]) -> Wire {
    connected_with(features, config())
}

pub(super) fn connected_with(features: &[&str], config: Config) -> Wire {
    let mut wire = Wire {
        client: End::new(config.clone()),
        router: End::new(config),
        now: Millis(0),
    };
    let hello = hello(features);
    let out = wire.client.hello(Millis(0), &hello);
    wire.pass(Side::Client, out);
    let out = wire.router.agree(Millis(0), hello_ack(&hello));
    wire.pass(Side::Router, out);
    wire.client.events();
    wire.router.events();
    wire
}

/// What errors a side sent, by wire code, and whether with RST.
pub(super) fn errors(out: &[Output]) -> Vec<(String, bool)> {
    let errors = out.iter().filter_map(|output| match output {
        Output::Transmit(frame) if frame.payload.kind == Some(Kind::Error) => {
            let error: ControlError = frame.payload.content.as_ref()?.read().ok()?;
            Some((error.code.into_owned(), frame.flags.has(Flag::Rst)))
        }
        _ => None,
    });
    errors.collect()
}

/// The code a side closed with.
pub(super) fn close_code(out: &[Output]) -> Option<u16> {
    out.iter().find_map(|output| match output {
        Output::Close(close) => Some(close.code),
        _ => None,
    })
}

/// A request that opens a stream.
pub(super) fn syn(stream: &str, msg_seq: u64, text: &str) -> Frame<'static> {
    let key = key(stream);
    let mut frame = Frame::new(key.session, key.stream, msg_seq, request(text));
    frame.flags.insert(Flag::Syn);
    frame.qos = Some(Tier::Silver);
    frame.ttl = Some(8);
    frame.window = Some(window());
    frame.meta = Some(meta(&[]));
    frame
}

/// A request without `SYN`.
pub(super) fn syn_less(stream: &str, msg_seq: u64, text: &str) -> Frame<'static> {
    let mut frame = syn(stream, msg_seq, text);
    frame.flags.remove(Flag::Syn);
    frame
}
