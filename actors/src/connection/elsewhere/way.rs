//! Frames on their way out, after the stream they belong to.

use actix::{AsyncContext, Context, ResponseFuture};
use atp_protocol::cluster::NodeId;
use atp_protocol::connection::StreamKey;
use atp_protocol::frame::{Encoded, Flag, Frame, Outbound, Wrapping, encode};
use atp_protocol::hello::Hello;
use atp_protocol::ids::StreamId;
use atp_protocol::payload::{Kind, Payload};

use super::back::pump;
use super::seek::done;
use super::{Open, UNANSWERED_MAX, Way};
use crate::connection::actor::Connection;

/// Features of one hop alone: what another node sends, it sends in plain frames.
const OF_ONE_HOP: [&str; 3] = ["lean", "nonce", "checksum"];

impl Connection {
    /// Sends a frame after its stream.
    pub(super) fn pass_on(
        &mut self,
        key: &StreamKey,
        frame: Frame<'static>,
        context: &mut Context<Self>,
    ) -> ResponseFuture<()> {
        let Some(carried) = self.elsewhere.streams.get_mut(key) else {
            return done();
        };
        let gives_up = frame.flags.has(Flag::Rst);
        let has_parted = carried.is_over && frame.flags.has(Flag::Fin);
        if let Some(unanswered) = &mut carried.unanswered {
            unanswered.push(frame.clone());
            if unanswered.len() > UNANSWERED_MAX && carried.at.is_some() {
                carried.unanswered = None;
            }
        }
        let Some(node) = carried.at else {
            return done();
        };
        let sending = self.send_to(node, vec![frame]);
        if gives_up || has_parted {
            self.elsewhere.forget(key);
            let now = self.now();
            let outputs = self.machine.uncarry(now, key);
            let waiting = self.process(outputs, context);
            self.send_later(waiting, context);
        }
        sending
    }

    /// Resolves when the frames are on their way.
    pub(super) fn send_to(&self, node: NodeId, frames: Vec<Frame<'static>>) -> ResponseFuture<()> {
        let Some(out) = self.elsewhere.ways.get(&node).map(|way| way.out.clone()) else {
            return done();
        };
        let messages: Vec<Encoded> = frames.into_iter().filter_map(|frame| self.plain(frame)).collect();
        Box::pin(async move {
            for message in messages {
                // A way that is lost says so at its other end.
                let _ = out.send(message).await;
            }
        })
    }

    /// A frame as members tell each other.
    pub(super) fn plain(&self, frame: Frame<'static>) -> Option<Encoded> {
        let wrapping = match self.is_cbor {
            true => Wrapping::Cbor(None),
            false => Wrapping::Json(None),
        };
        let outbound = Outbound {
            wrapping,
            ..Outbound::json(usize::MAX)
        };
        // It was read from the same encoding.
        encode(frame, &outbound).ok()
    }

    pub(super) fn opened(&mut self, way: Way, key: &StreamKey, context: &Context<Self>) -> NodeId {
        let Way { node, out, back } = way;
        self.elsewhere.made += 1;
        let number = self.elsewhere.made;
        let pumping = pump(back, (node, number), context.address());
        let pump = tokio::task::spawn_local(pumping).abort_handle();
        if let Some(hello) = self.elsewhere.hello.clone() {
            let hello = Payload::of(Kind::Hello, &self.onward(hello));
            let frame = Frame::new(key.session.clone(), StreamId::control(), 0, hello);
            // There is room: it is the first message.
            let _ = self.plain(frame).map(|hello| out.try_send(hello));
        }
        self.elsewhere.ways.insert(node, Open { number, out, pump });
        node
    }

    /// The client's hello, for the same terms on a plain connection.
    fn onward(&self, hello: Hello) -> Hello {
        let encoding = if self.is_cbor { "cbor" } else { "json" };
        let limits = &self.machine.profile().limits;
        Hello {
            encodings: vec![encoding.to_owned()],
            compressions: Vec::new(),
            max_frame_bytes: u64::try_from(limits.frame_bytes).ok(),
            max_message_bytes: u64::try_from(limits.message_bytes).ok(),
            features: hello.features.clone().without(&OF_ONE_HOP),
            ..hello
        }
    }
}
