//! The hello (atp.md 8.1 and 8.2); what is agreed is decided by [`negotiate`](crate::hello::negotiate).

use super::{Close, Connection, Event, Output, terms};
use crate::error::{Code, Fault, Scope};
use crate::frame::{Flag, Frame};
use crate::hello::{Hello, HelloAck};
use crate::ids::SessionId;
use crate::liveness::IdleTimer;
use crate::payload::{Kind, Payload};
use crate::units::Millis;
use crate::value::Value;

/// How far the hello has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handshake {
    None,
    Pending,
    Agreed,
}

impl Connection {
    /// Proposes terms: the first thing a client or agent says, if it says hello at all.
    pub fn hello(&mut self, now: Millis, hello: &Hello) -> Vec<Output> {
        self.pulse.touch(now);
        self.handshake = Handshake::Pending;
        vec![self.control(Payload::of(Kind::Hello, hello))]
    }

    /// Answers [`Event::Hello`]: from here on the terms hold. The answer itself goes out as the hello came.
    pub fn agree(&mut self, now: Millis, ack: HelloAck) -> Vec<Output> {
        let answer = self.control(Payload::of(Kind::HelloAck, &ack));
        self.take_terms(now, &ack);
        vec![answer, Output::Deliver(Event::Agreed(Box::new(ack)))]
    }

    /// Refuses [`Event::Hello`] and closes: 4409 for a replay, 1002 otherwise.
    pub fn refuse_hello(&mut self, fault: &Fault) -> Vec<Output> {
        let error = self.control_error(fault.control_error(), &[Flag::Rst]);
        let code = if fault.code == Code::Replay { 4409 } else { 1002 };
        let close = self.close(Close {
            code,
            reason: "hello refused",
        });
        [vec![error], close].concat()
    }

    pub(super) fn receive_hello(&mut self, frame: &Frame<'_>) -> Vec<Output> {
        if self.handshake != Handshake::None {
            let fault =
                Fault::new(Code::Proto, "a second hello; open another connection").scoped(Scope::Frame);
            return vec![self.control_error(fault.control_error(), &[])];
        }
        let hello = frame.payload.content.as_ref().map(Value::read::<Hello>);
        match hello {
            Some(Ok(hello)) => {
                self.handshake = Handshake::Pending;
                vec![Output::Deliver(Event::Hello(Box::new(hello)))]
            }
            Some(Err(error)) => self.refuse_hello(&Fault::new(Code::Proto, error.to_string())),
            None => self.refuse_hello(&Fault::new(Code::Proto, "a hello needs a content")),
        }
    }

    pub(super) fn receive_hello_ack(&mut self, now: Millis, frame: &Frame<'_>) -> Vec<Output> {
        let ack = frame.payload.content.as_ref().map(Value::read::<HelloAck>);
        let (Handshake::Pending, Some(Ok(ack))) = (self.handshake, ack) else {
            return Vec::new();
        };
        self.take_terms(now, &ack);
        vec![Output::Deliver(Event::Agreed(Box::new(ack)))]
    }

    fn take_terms(&mut self, now: Millis, ack: &HelloAck) {
        self.handshake = Handshake::Agreed;
        if let Ok(session) = SessionId::new(&ack.session_id) {
            self.session = session;
        }
        let (profile, timing) = terms::agreed(&self.config, ack);
        self.profile = profile;
        self.pulse.retime(timing);
        self.silence = IdleTimer::new(now, timing.dead_ms);
    }
}
