//! On the way back: what other nodes say, for the client.

use std::sync::Arc;

use actix::{Addr, Context, Handler, Message, ResponseFuture};
use atp_protocol::adapter::AgentStatus;
use atp_protocol::cluster::NodeId;
use atp_protocol::connection::{Close, Output, StreamKey};
use atp_protocol::error::{Code, ControlError, Fault};
use atp_protocol::frame::{Encoded, Flag, Flags, Frame, Incoming, Policy, ingress};
use atp_protocol::limits::Limits;
use atp_protocol::payload::{Kind, Status};
use tokio::sync::mpsc;

use super::{Back, OVER_MAX};
use crate::connection::actor::Connection;

/// Closes that say nothing of the client: its work there is done, the node leaves, or was idle.
const OF_THE_NODE: [u16; 3] = [1000, Close::LEAVING.code, Close::IDLE.code];

/// Another node said something. Answered when it is queued for the client.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Said {
    from: NodeId,
    message: Encoded,
}

/// A way has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Ended {
    node: NodeId,
    number: u64,
    code: Option<u16>,
}

/// Carries what a node says to the connection, no faster than that sends it.
pub(super) async fn pump(
    mut back: mpsc::Receiver<Back>,
    (node, number): (NodeId, u64),
    connection: Addr<Connection>,
) {
    let mut code = None;
    while let Some(back) = back.recv().await {
        let message = match back {
            Back::Message(message) => message,
            Back::Closed(with) => {
                code = Some(with);
                break;
            }
        };
        if connection.send(Said { from: node, message }).await.is_err() {
            return;
        }
    }
    // A connection that has ended needs no way.
    let _ = connection.send(Ended { node, number, code }).await;
}

impl Handler<Said> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Said { from, message }: Said, context: &mut Context<Self>) -> Self::Result {
        // What cannot be read is of a release that says it otherwise: its client waits as for anything that was lost.
        let frame = self.read(&message);
        let outputs = frame.map_or_else(Vec::new, |frame| self.came_back(from, frame, context));
        let waiting = self.process(outputs, context);
        self.queued(waiting)
    }
}

impl Handler<Ended> for Connection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ended: Ended, context: &mut Context<Self>) -> Self::Result {
        let Ended { node, number, code } = ended;
        if self
            .elsewhere
            .ways
            .get(&node)
            .is_some_and(|way| way.number == number)
        {
            self.elsewhere.ways.remove(&node);
        }
        if let Some(code) = code.filter(|code| !OF_THE_NODE.contains(code)) {
            let reason = "closed by the owner of its stream";
            let outputs = self.machine.close(Close { code, reason });
            let waiting = self.process(outputs, context);
            return self.queued(waiting);
        }
        let streams = self.elsewhere.streams.iter();
        let left = streams.filter(|(_, carried)| carried.at == Some(node) && !carried.is_over);
        let left: Vec<StreamKey> = left.map(|(key, _)| key.clone()).collect();
        let mut telling = Vec::new();
        for key in left {
            // It leaves in order, and took no notice of what it has not answered.
            if code == Some(Close::LEAVING.code) && self.move_on(&key, node, context) {
                continue;
            }
            let fault = self.lost(node);
            telling.push(self.give_up(&key, &fault, context));
        }
        Box::pin(async move {
            for told in telling {
                told.await;
            }
        })
    }
}

impl Connection {
    fn read(&self, message: &Encoded) -> Option<Frame<'static>> {
        let limits = Limits {
            frame_bytes: usize::MAX,
            ..Limits::DEFAULT
        };
        let policy = Policy {
            accepts_cbor: true,
            ..Policy::baseline(&limits)
        };
        let message = match message {
            Encoded::Text(text) => Incoming::Text(text),
            Encoded::Binary(bytes) => Incoming::Binary(bytes),
        };
        let unix = self.router.world.clock.unix();
        let received = ingress(unix, message, &policy, &mut |_| Ok(()));
        received.ok().map(|received| received.frame.into_owned())
    }

    fn came_back(&mut self, from: NodeId, frame: Frame<'static>, context: &mut Context<Self>) -> Vec<Output> {
        let key = StreamKey::of(&frame);
        let is_carried = self.elsewhere.streams.contains_key(&key);
        if key.stream.is_control() && !is_carried {
            return self.of_the_session(from, frame);
        }
        let is_answer = self
            .elsewhere
            .streams
            .get(&key)
            .is_some_and(|of| of.at == Some(from));
        if !is_answer || (is_moved(&frame) && self.move_on(&key, from, context)) {
            return Vec::new();
        }
        let is_last = frame.flags.has(Flag::Fin) || frame.flags.has(Flag::Rst);
        let mut outputs = vec![Output::Transmit(Arc::new(frame))];
        if let Some(carried) = self.elsewhere.streams.get_mut(&key) {
            carried.unanswered = None;
            if is_last && !std::mem::replace(&mut carried.is_over, true) {
                carried.passing = None;
                self.elsewhere.over.push_back(key.clone());
                if self.elsewhere.over.len() > OVER_MAX {
                    let oldest = self.elsewhere.over.pop_front();
                    oldest.map(|oldest| self.elsewhere.streams.remove(&oldest));
                }
                let now = self.now();
                outputs.extend(self.machine.uncarry(now, &key));
            }
        }
        outputs
    }

    /// What a node says beside streams: of itself it speaks to this one, of sessions to their client.
    fn of_the_session(&self, from: NodeId, frame: Frame<'static>) -> Vec<Output> {
        let is_leaving = || {
            let content = frame.payload.content.as_ref();
            let status = content.and_then(|content| content.read::<Status>().ok());
            status.is_some_and(|status| status.status == AgentStatus::Draining)
        };
        match frame.payload.kind {
            Some(Kind::Heartbeat) if !frame.flags.has(Flag::Ack) => {
                self.answer_beat(from, frame);
                Vec::new()
            }
            Some(Kind::Hello | Kind::HelloAck | Kind::Heartbeat) => Vec::new(),
            Some(Kind::Status) if is_leaving() => Vec::new(),
            _ => vec![Output::Transmit(Arc::new(frame))],
        }
    }

    /// Says to a node that this one lives, with what it asked that with.
    fn answer_beat(&self, from: NodeId, mut beat: Frame<'static>) {
        beat.flags = Flags::of(&[Flag::Heartbeat, Flag::Ack]);
        if let (Some(way), Some(answer)) = (self.elsewhere.ways.get(&from), self.plain(beat)) {
            // Without room there are frames on their way, which are signs of life as well.
            let _ = way.out.try_send(answer);
        }
    }

    /// Offers a stream that `from` did not take to its owner, once.
    fn move_on(&mut self, key: &StreamKey, from: NodeId, context: &mut Context<Self>) -> bool {
        let Some(carried) = self.elsewhere.streams.get_mut(key) else {
            return false;
        };
        if carried.unanswered.is_none() || std::mem::replace(&mut carried.was_moved, true) {
            return false;
        }
        carried.at = None;
        self.seek_again(key.clone(), from, context);
        true
    }

    fn lost(&self, node: NodeId) -> Fault {
        if self.machine.profile().has_resume {
            let detail = format!("node {node}, which ran the stream, was lost; resume it with its token");
            return Fault::new(Code::Moved, detail).retry_after(0);
        }
        let detail = format!("node {node}, which ran the stream, was lost; ask again");
        Fault::new(Code::Internal, detail).retry_after(500)
    }
}

/// Whether a node says that the stream is not its to take.
fn is_moved(frame: &Frame<'_>) -> bool {
    let content = frame
        .payload
        .content
        .as_ref()
        .filter(|_| frame.payload.kind == Some(Kind::Error));
    let error = content.and_then(|content| content.read::<ControlError>().ok());
    error.is_some_and(|error| {
        [Code::Moved, Code::Draining]
            .iter()
            .any(|code| error.code == code.as_str())
    })
}
