//! What a stream does with a frame of its peer.

use super::inbound::Received;
use super::{Event, Input, Output, Stream};
use crate::error::{Code, ControlError, Fault, Scope};
use crate::frame::{Flag, Frame};
use crate::ids::LaneId;
use crate::payload::{Ack, Kind};
use crate::units::Millis;
use crate::value::Value;

impl Stream {
    /// Takes a frame of the stream. `room`: bytes the connection may still buffer.
    pub(crate) fn receive(&mut self, now: Millis, frame: Frame<'static>, room: usize) -> Vec<Output> {
        let mut out = Vec::new();
        if frame.flags.has(Flag::Ecn) {
            out.push(Output::Deliver(Event::Congestion(self.head.key.clone())));
        }
        if frame.flags.has(Flag::Rst) {
            self.on(Input::Reset);
            let error = read_error(&frame).map(Box::new);
            let key = self.head.key.clone();
            out.push(Output::Deliver(Event::Reset { key, error }));
            return out;
        }
        if self.on(Input::Received) {
            let kind = frame.payload.kind;
            let is_sequenced = kind.map_or(!frame.flags.has(Flag::Ctrl), Kind::is_sequenced);
            let is_last = frame.flags.has(Flag::Fin) && !is_sequenced;
            match kind {
                Some(Kind::Ack) => self.acknowledged(&frame, &mut out),
                Some(Kind::Error) => self.told(now, frame, &mut out),
                _ if is_sequenced => self.sequenced(now, frame, room, &mut out),
                _ => self.control(frame, &mut out),
            }
            if is_last {
                self.finished(now, &mut out);
            }
            self.settle(now, &mut out);
        }
        out
    }

    fn sequenced(&mut self, now: Millis, frame: Frame<'static>, room: usize, out: &mut Vec<Output>) {
        self.idle.touch(now);
        if frame.flags.opens() {
            match self.opening.again(&frame, self.inbound.cum(&frame.lane())) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    out.push(Output::Transmit(answer));
                    if frame.msg_seq != self.opening.seq() {
                        return;
                    }
                }
                Err(fault) => {
                    let error = ControlError {
                        msg_seq: Some(frame.msg_seq),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &frame.lane(), Kind::Error.flags()));
                    return;
                }
            }
        }
        let received = self.inbound.receive(now, frame, room, &self.profile);
        self.carry_out(now, received, out);
    }

    pub(super) fn carry_out(&mut self, now: Millis, received: Vec<Received>, out: &mut Vec<Output>) {
        for received in received {
            match received {
                Received::Message(frame) => self.deliver(now, frame, out),
                Received::Ack(lane, ack) => out.push(self.ack(&lane, &ack)),
                Received::Error { lane, seq, fault } => {
                    let error = ControlError {
                        msg_seq: Some(seq),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
                Received::Nack { lane, seq, missing } => {
                    let fault = Fault::new(Code::SeqRetry, "").scoped(Scope::Message);
                    let error = ControlError {
                        msg_seq: Some(seq),
                        missing: Some(missing),
                        ..fault.control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
                Received::LaneFailed(lane, fault) => {
                    self.in_flight.remove(&lane);
                    let key = self.head.key.clone();
                    out.push(Output::Deliver(Event::LaneFailed { key, lane, fault }));
                }
            }
        }
    }

    fn deliver(&mut self, now: Millis, frame: Box<Frame<'static>>, out: &mut Vec<Output>) {
        self.track(&frame.lane(), frame.payload.kind, frame.msg_seq);
        let is_last = frame.flags.has(Flag::Fin);
        let key = self.head.key.clone();
        let is_first = self.opening.is_awaited(&frame);
        out.push(Output::Deliver(if is_first {
            Event::Open { key, frame }
        } else {
            Event::Message { key, frame }
        }));
        if is_last {
            self.finished(now, out);
        }
    }

    /// The peer's FIN.
    fn finished(&mut self, now: Millis, out: &mut Vec<Output>) {
        if std::mem::replace(&mut self.fin_received, true) {
            return;
        }
        if self.fin_sent.is_none() {
            self.on(Input::RemoteFin);
        }
        out.push(Output::Deliver(Event::Finished(self.head.key.clone())));
        // Whoever opened the stream has what it asked for.
        if self.opening.is_ours() && self.in_flight.is_empty() && self.fin_sent.is_none() {
            out.extend(self.finish(now, "finished"));
        }
    }

    fn acknowledged(&mut self, frame: &Frame<'_>, out: &mut Vec<Output>) {
        let Some(Ok(ack)) = frame.payload.content.as_ref().map(Value::read::<Ack>) else {
            return;
        };
        self.take_ack(&frame.lane(), ack, out);
    }

    fn take_ack(&mut self, lane: &LaneId, ack: Ack, out: &mut Vec<Output>) {
        if let Some(cum) = ack.cum {
            self.outbound.acked(lane, cum);
        }
        if self.outbound.turned() == Some(false) {
            out.push(Output::Deliver(Event::Credit(self.head.key.clone())));
        }
    }

    /// An error of the peer: a request to send again is ours to answer, everything else is the user's.
    fn told(&mut self, now: Millis, frame: Frame<'static>, out: &mut Vec<Output>) {
        let lane = frame.lane();
        let error = read_error(&frame).filter(|error| error.code == Code::SeqRetry.as_str());
        let Some((error, seq)) = error.and_then(|error| error.msg_seq.map(|seq| (error, seq))) else {
            self.control(frame, out);
            return;
        };
        if error.retryable {
            let missing = error.missing.unwrap_or_default();
            match self.outbound.nacked(&lane, seq, &missing) {
                Ok(frames) => out.extend(frames.into_iter().map(Output::Transmit)),
                Err(gone) => {
                    let fault = Fault::new(Code::SeqRetry, gone.to_string()).scoped(Scope::Message);
                    let error = ControlError {
                        msg_seq: Some(seq),
                        ..fault.terminal().control_error()
                    };
                    out.push(self.error(error, &lane, Kind::Error.flags()));
                }
            }
        } else if self.inbound.awaits(&lane, seq) {
            let received = self.inbound.gone(now, &lane, seq, &self.profile);
            self.carry_out(now, received, out);
        } else {
            self.control(frame, out);
        }
    }

    fn control(&mut self, frame: Frame<'static>, out: &mut Vec<Output>) {
        if frame.payload.kind == Some(Kind::WindowUpdate) {
            let content = frame.payload.content.as_ref().and_then(Value::as_object);
            let ack = content.and_then(|content| content.present("ack"));
            if let Some(Ok(ack)) = ack.map(Value::read::<Ack>) {
                self.take_ack(&frame.lane(), ack, out);
            }
        }
        let key = self.head.key.clone();
        let frame = Box::new(frame);
        out.push(Output::Deliver(Event::Control { key, frame }));
    }
}

/// The error a frame tells of, if it is one.
fn read_error(frame: &Frame<'_>) -> Option<ControlError> {
    frame.payload.content.as_ref()?.read().ok()
}
