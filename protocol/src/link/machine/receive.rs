//! A frame of the other side in, an event out.

use bytes::{Bytes, BytesMut};

use super::{Event, Machine, Violation};
use crate::link::{Correlation, Frame, Refusal, encode};
use crate::units::Millis;

impl<C, H, S: Clone> Machine<C, H, S> {
    /// Takes the next frame. Refusals and pongs are written to `out` at once.
    ///
    /// Frames about what has ended are passed over: the two sides learn of an end at different times.
    ///
    /// # Errors
    /// [`Violation`]; the connection is to be closed.
    pub fn receive(
        &mut self,
        now: Millis,
        frame: Frame,
        out: &mut BytesMut,
    ) -> Result<Event<C, H, S>, Violation> {
        match frame {
            Frame::Hello(_) => Err(Violation::Hello),
            Frame::Request {
                id,
                service,
                deadline_ms,
                body,
            } => {
                self.name(id)?;
                match self.admit_request(now, id, deadline_ms, body.len()) {
                    Ok(()) => Ok(Event::Asked {
                        id,
                        service,
                        deadline_ms,
                        body,
                    }),
                    Err(refusal) => Ok(say(&Frame::Refusal { id, refusal }, out)),
                }
            }
            Frame::Response { id, body } => self.answered(id, Ok(body)),
            Frame::Refusal { id, refusal } => self.answered(id, Err(refusal)),
            Frame::Cancel { id } => {
                self.theirs(id)?;
                Ok(self
                    .serving
                    .remove(id)
                    .flatten()
                    .map_or(Event::None, Event::Cancelled))
            }
            Frame::Open { id, service, body } => {
                self.name(id)?;
                match self.admit_stream() {
                    Ok(()) => Ok(Event::Opened { id, service, body }),
                    Err(refusal) => Ok(say(&Frame::Reset { id, refusal }, out)),
                }
            }
            Frame::Data { id, body } => self.data(id, body),
            Frame::End { id } => self.ended(id),
            Frame::Reset { id, refusal } => {
                self.used(id)?;
                Ok(self
                    .forget_stream(id)
                    .map_or(Event::None, |tag| Event::Reset(tag, refusal)))
            }
            Frame::Credit { id, bytes } => {
                self.used(id)?;
                Ok(self.streams.get_mut(&id).map_or(Event::None, |stream| {
                    stream.credit(bytes);
                    Event::Credited(stream.tag.clone())
                }))
            }
            Frame::Ping { stamp } => Ok(say(&Frame::Pong { stamp }, out)),
            Frame::Pong { stamp } => Ok(Event::Pong { stamp }),
            Frame::Goodbye { refusal } => {
                self.is_left = true;
                Ok(Event::Left(refusal))
            }
        }
    }

    fn answered(
        &mut self,
        id: Correlation,
        answer: Result<Bytes, Refusal>,
    ) -> Result<Event<C, H, S>, Violation> {
        match self.asked.remove(id) {
            Some(tag) => Ok(Event::Answered(tag, answer)),
            None if self.ids.is_ours(id) && self.ids.was_used(id) => Ok(Event::None),
            None => Err(Violation::Unknown),
        }
    }

    fn data(&mut self, id: Correlation, body: Bytes) -> Result<Event<C, H, S>, Violation> {
        self.used(id)?;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(Event::None);
        };
        if stream.has_ended_there() {
            return Err(Violation::AfterEnd);
        }
        if !stream.take(&body) {
            return Err(Violation::Credit);
        }
        Ok(Event::Data(stream.tag.clone(), body))
    }

    fn ended(&mut self, id: Correlation) -> Result<Event<C, H, S>, Violation> {
        self.used(id)?;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(Event::None);
        };
        if stream.has_ended_there() {
            return Err(Violation::AfterEnd);
        }
        let tag = stream.tag.clone();
        if stream.end_there() {
            self.forget_stream(id);
        }
        Ok(Event::Ended(tag))
    }

    /// The name of something that begins.
    const fn name(&mut self, id: Correlation) -> Result<(), Violation> {
        match self.ids.take(id) {
            true => Ok(()),
            false => Err(Violation::Name),
        }
    }

    const fn used(&self, id: Correlation) -> Result<(), Violation> {
        match self.ids.was_used(id) {
            true => Ok(()),
            false => Err(Violation::Unknown),
        }
    }

    const fn theirs(&self, id: Correlation) -> Result<(), Violation> {
        match !self.ids.is_ours(id) && self.ids.was_used(id) {
            true => Ok(()),
            false => Err(Violation::Unknown),
        }
    }
}

fn say<C, H, S>(frame: &Frame<&[u8]>, out: &mut BytesMut) -> Event<C, H, S> {
    encode(frame, out);
    Event::None
}
