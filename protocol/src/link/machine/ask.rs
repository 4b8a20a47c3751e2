//! Requests: asking, giving up, serving, answering.

use bytes::BytesMut;

use super::{Machine, Unasked};
use crate::link::{BODY_MAX, Code, Correlation, Frame, Refusal, Service, encode};
use crate::units::Millis;

impl<C, H, S: Clone> Machine<C, H, S> {
    /// Asks. `body` is at most [`BODY_MAX`] long; `deadline_ms` above 0 is counted from `now` on both sides.
    ///
    /// # Errors
    /// [`Unasked`]; nothing was sent then, and `tag` is gone.
    pub fn ask(
        &mut self,
        now: Millis,
        service: Service,
        deadline_ms: u32,
        body: &[u8],
        tag: C,
        out: &mut BytesMut,
    ) -> Result<Correlation, Unasked> {
        if self.is_left {
            return Err(Unasked::Left);
        }
        if self.asked.len() >= self.limits.requests {
            return Err(Unasked::Overloaded);
        }
        let id = self.ids.mint();
        self.asked.insert(id, now.plus(u64::from(deadline_ms)), 0, tag);
        let frame = Frame::Request {
            id,
            service,
            deadline_ms,
            body,
        };
        encode(&frame, out);
        Ok(id)
    }

    /// Gives up waiting: the other side is told to stop. Does nothing if the answer has come.
    pub fn cancel(&mut self, id: Correlation, out: &mut BytesMut) {
        if self.asked.remove(id).is_some() {
            encode(&Frame::<&[u8]>::Cancel { id }, out);
        }
    }

    /// Keeps who works on a request of the other side.
    pub fn serve(&mut self, id: Correlation, tag: H) {
        if let Some(slot) = self.serving.get_mut(id) {
            *slot = Some(tag);
        }
    }

    /// A request of the other side waits for its answer.
    #[must_use]
    pub fn is_serving(&self, id: Correlation) -> bool {
        self.serving.has(id)
    }

    /// Answers a request of the other side. Does nothing if it is no longer wanted. An answer longer than [`BODY_MAX`] is refused
    /// as too large.
    pub fn answer(&mut self, id: Correlation, answer: Result<&[u8], Refusal>, out: &mut BytesMut) {
        if self.serving.remove(id).is_none() {
            return;
        }
        let refusal = match answer {
            Ok(body) if body.len() <= BODY_MAX => return encode(&Frame::Response { id, body }, out),
            Ok(_) => Refusal::new(Code::TOO_LARGE, "the answer is longer than a frame"),
            Err(refusal) => refusal,
        };
        encode(&Frame::<&[u8]>::Refusal { id, refusal }, out);
    }

    /// Whether a request of the other side is taken, and the refusal if not.
    pub(super) fn admit_request(
        &mut self,
        now: Millis,
        id: Correlation,
        deadline_ms: u32,
        bytes: usize,
    ) -> Result<(), Refusal> {
        if self.is_leaving {
            return Err(Refusal::new(Code::STOPPING, "this member is stopping"));
        }
        if deadline_ms == 0 {
            return Err(Refusal::new(Code::EXPIRED, "no time was left"));
        }
        // One large body is taken whatever the bound is, when nothing else is.
        let has_room = self.serving.bytes() == 0 || self.serving.bytes() + bytes <= self.limits.request_bytes;
        if self.serving.len() >= self.limits.requests || !has_room {
            return Err(Refusal::new(
                Code::OVERLOADED,
                "too many requests on this connection",
            ));
        }
        let deadline = now.plus(u64::from(deadline_ms));
        self.serving.insert(id, deadline, bytes, None);
        Ok(())
    }
}
