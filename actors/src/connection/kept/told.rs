//! What kept streams tell the connection they go over.

use std::sync::Arc;

use actix::{Addr, Context, Handler, Message, ResponseFuture};
use atp_protocol::connection::{Close, Output, StreamKey};
use atp_protocol::error::Fault;
use atp_protocol::frame::Frame;
use atp_protocol::payload::{Kind, Payload, WindowReason};
use atp_protocol::stream::fragments;

use crate::connection::actor::Connection;
use crate::history::{Read, Reader};
use crate::streams::{Event, Listed, Positions, Resumed, Take, ToHolder};

/// Frames that a stream has for this connection alone.
#[derive(Message)]
#[rtype(result = "()")]
struct Answered(Vec<Frame<'static>>);

/// A stream said something. Answered when it is queued for the transport.
#[derive(Message)]
#[rtype(result = "()")]
struct Said {
    key: StreamKey,
    /// `None` when the connection fell so far behind that it lost something.
    frame: Option<Arc<Frame<'static>>>,
}

/// A stream has said all.
#[derive(Message)]
#[rtype(result = "()")]
struct Over(StreamKey);

/// What became of a resume.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CameBack {
    pub(super) key: StreamKey,
    /// The stream, and what of it the client gets.
    pub(super) result: Result<(Arc<Listed>, Resumed), Fault>,
}

/// Hands a frame to its stream, and what that answers to the connection.
pub(super) fn take(
    listed: Arc<Listed>,
    frame: Frame<'static>,
    connection: Addr<Connection>,
) -> ResponseFuture<()> {
    Box::pin(async move {
        // A stream that has ended takes nothing.
        let replies = listed.actor.send(Take(frame)).await.unwrap_or_default();
        if !replies.is_empty() {
            // A connection that has ended tells nobody.
            let _ = connection.send(Answered(replies)).await;
        }
    })
}

/// Carries what a stream says to the connection, no faster than that sends it.
pub(super) async fn follow(
    mut reader: Reader<Event>,
    has: Positions,
    key: StreamKey,
    connection: Addr<Connection>,
) {
    while let Some(read) = reader.next().await {
        let frame = match read {
            Read::Item(event) if has.has(&event) => continue,
            Read::Item(event) => Some(event.frame),
            Read::Gap(_) => None,
        };
        let key = key.clone();
        if connection.send(Said { key, frame }).await.is_err() {
            return;
        }
    }
    // A connection that has ended has let go of the stream.
    let _ = connection.send(Over(key)).await;
}

impl Handler<Answered> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Answered(frames): Answered, context: &mut Context<Self>) -> Self::Result {
        let frames = frames.into_iter().map(|frame| Output::Transmit(Arc::new(frame)));
        let waiting = self.process(frames.collect(), context);
        self.queued(waiting)
    }
}

impl Handler<Said> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Said { key, frame }: Said, context: &mut Context<Self>) -> Self::Result {
        if !self.kept.contains_key(&key) {
            return Box::pin(std::future::ready(()));
        }
        let outputs = match frame {
            // On the next connection the client learns what it lost, and goes on from there.
            None => self.machine.close(Close::BEHIND),
            Some(frame) => {
                let profile = self.machine.profile();
                match fragments(Arc::unwrap_or_clone(frame), profile) {
                    Ok(frames) => {
                        let frames = frames.into_iter().map(Arc::new);
                        frames.map(Output::Transmit).collect()
                    }
                    Err(fault) => self.refuse(&key, &fault),
                }
            }
        };
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }
}

impl Handler<Over> for Connection {
    type Result = ();

    fn handle(&mut self, Over(key): Over, context: &mut Context<Self>) {
        self.kept.remove(&key);
        let now = self.now();
        let mut outputs = self.machine.uncarry(now, &key);
        outputs.extend(self.tell_window(&key.session, WindowReason::Aimd, false, context));
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}

impl Handler<CameBack> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, back: CameBack, context: &mut Context<Self>) -> Self::Result {
        let CameBack { key, result } = back;
        let outputs = match result {
            Ok((listed, back)) => {
                let payload = Payload::of(Kind::ResumeAck, &back.ack);
                let answer = Frame::new(key.session.clone(), key.stream.clone(), 0, payload);
                self.attach(listed, back.reader, back.has, context);
                self.granted(&key, back.flow, context);
                let mut outputs = vec![Output::Transmit(Arc::new(answer))];
                outputs.extend(self.tell_window(&key.session, WindowReason::Refresh, true, context));
                outputs
            }
            Err(fault) => self.refuse(&key, &fault),
        };
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }
}

impl Handler<ToHolder> for Connection {
    type Result = ();

    fn handle(&mut self, told: ToHolder, context: &mut Context<Self>) {
        let outputs = match told {
            ToHolder::Frame(frame) => vec![Output::Transmit(frame)],
            ToHolder::Granted(key, flow) => {
                self.granted(&key, Some(flow), context);
                Vec::new()
            }
            ToHolder::Window(session, reason) => {
                self.tell_window(&session, reason, reason == WindowReason::Error, context)
            }
            ToHolder::Replaced => self.machine.close(Close::REPLACED),
        };
        let waiting = self.process(outputs, context);
        self.send_later(waiting, context);
    }
}
