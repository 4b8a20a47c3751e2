//! Streams and their credit.
//!
//! A piece costs its length and [`PIECE_COST`], so that many small ones are bounded as well. It may be sent while any credit is left,
//! also if it costs more than that: pieces stay whole, and a receiver holds at most its window and one piece.

use bytes::BytesMut;

use super::{Machine, Unasked};
use crate::link::{Code, Correlation, Frame, Refusal, Service, encode};

/// Longest piece; longer ones are sent as several.
pub const PIECE_MAX: usize = 64 * 1024;

/// What keeping a piece costs beside its bytes.
const PIECE_COST: usize = 64;

#[derive(Debug)]
pub(super) struct Stream<S> {
    pub(super) tag: S,
    /// What may still be sent; below 0 after a piece that cost more.
    credit: i64,
    /// What may still come, likewise.
    granted: i64,
    /// Read here, and not yet granted again.
    consumed: u32,
    has_ended_here: bool,
    has_ended_there: bool,
}

fn cost(piece: &[u8]) -> u32 {
    u32::try_from(piece.len() + PIECE_COST).unwrap_or(u32::MAX)
}

impl<S> Stream<S> {
    pub(super) fn new(tag: S, their_window: u32, our_window: u32) -> Self {
        Self {
            tag,
            credit: i64::from(their_window),
            granted: i64::from(our_window),
            consumed: 0,
            has_ended_here: false,
            has_ended_there: false,
        }
    }

    /// Takes a piece that came; false if there was no credit for it.
    pub(super) fn take(&mut self, piece: &[u8]) -> bool {
        let had_credit = self.granted > 0;
        self.granted -= i64::from(cost(piece));
        had_credit
    }

    pub(super) fn credit(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(i64::from(bytes));
    }

    pub(super) const fn has_ended_there(&self) -> bool {
        self.has_ended_there
    }

    /// True when both sides have ended.
    pub(super) const fn end_there(&mut self) -> bool {
        self.has_ended_there = true;
        self.has_ended_here
    }
}

impl<C, H, S: Clone> Machine<C, H, S> {
    /// Opens a stream; the other side hears of it with `body`, which is at most [`BODY_MAX`](crate::link::BODY_MAX) long.
    ///
    /// # Errors
    /// [`Unasked`]; nothing was sent then.
    pub fn open(
        &mut self,
        service: Service,
        body: &[u8],
        tag: S,
        out: &mut BytesMut,
    ) -> Result<Correlation, Unasked> {
        if self.is_left {
            return Err(Unasked::Left);
        }
        if self.opened.here >= self.limits.streams {
            return Err(Unasked::Overloaded);
        }
        let id = self.ids.mint();
        self.opened.here += 1;
        self.insert(id, tag);
        encode(&Frame::Open { id, service, body }, out);
        Ok(id)
    }

    /// Keeps a stream that the other side opened. At once after [`Event::Opened`](super::Event::Opened), which has counted it.
    pub fn accept(&mut self, id: Correlation, tag: S) {
        self.insert(id, tag);
    }

    fn insert(&mut self, id: Correlation, tag: S) {
        let stream = Stream::new(tag, self.their_window, self.limits.window);
        self.streams.insert(id, stream);
    }

    /// Sends as much of `bytes` as there is credit for, and takes it off their front; what is left waits for
    /// [`Event::Credited`](super::Event::Credited). `None` when nothing can be sent on this stream any more.
    pub fn send(&mut self, id: Correlation, bytes: &mut &[u8], out: &mut BytesMut) -> Option<()> {
        let stream = self.streams.get_mut(&id)?;
        if stream.has_ended_here {
            return None;
        }
        while stream.credit > 0 && !bytes.is_empty() {
            let (body, rest) = bytes.split_at(bytes.len().min(PIECE_MAX));
            *bytes = rest;
            stream.credit -= i64::from(cost(body));
            encode(&Frame::Data { id, body }, out);
        }
        Some(())
    }

    /// A piece that came was read; its credit goes back when half a window has gathered.
    pub fn consume(&mut self, id: Correlation, piece: &[u8], out: &mut BytesMut) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.consumed = stream.consumed.saturating_add(cost(piece));
        if stream.consumed >= self.limits.window / 2 && !stream.has_ended_there {
            let bytes = std::mem::take(&mut stream.consumed);
            stream.granted += i64::from(bytes);
            encode(&Frame::<&[u8]>::Credit { id, bytes }, out);
        }
    }

    /// Says that nothing more will be sent on a stream.
    pub fn finish(&mut self, id: Correlation, out: &mut BytesMut) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.has_ended_here {
            return;
        }
        stream.has_ended_here = true;
        let is_over = stream.has_ended_there;
        encode(&Frame::<&[u8]>::End { id }, out);
        if is_over {
            self.forget_stream(id);
        }
    }

    /// Ends a stream in both directions. Does nothing if it is over.
    pub fn reset(&mut self, id: Correlation, refusal: Refusal, out: &mut BytesMut) {
        if self.forget_stream(id).is_some() {
            encode(&Frame::<&[u8]>::Reset { id, refusal }, out);
        }
    }

    pub(super) fn forget_stream(&mut self, id: Correlation) -> Option<S> {
        let stream = self.streams.remove(&id)?;
        match self.ids.is_ours(id) {
            true => self.opened.here -= 1,
            false => self.opened.there -= 1,
        }
        Some(stream.tag)
    }

    /// Whether a stream of the other side is taken, and the refusal if not.
    pub(super) fn admit_stream(&mut self) -> Result<(), Refusal> {
        if self.is_leaving {
            return Err(Refusal::new(Code::STOPPING, "this member is stopping"));
        }
        if self.opened.there >= self.limits.streams {
            return Err(Refusal::new(
                Code::OVERLOADED,
                "too many streams on this connection",
            ));
        }
        self.opened.there += 1;
        Ok(())
    }
}
