//! One connection seen from one side, from the hellos to its end.
//!
//! Receives  [`Frame`]s of the other side ([`Machine::receive`]), what this side wants (`ask`, `answer`, `open`, `send`, …), time
//! Sends     frames, encoded into a buffer that the caller passes; [`Event`]s
//! When full requests and streams beyond [`Limits`] are refused, those of this side before anything is sent; a stream without
//!           credit takes nothing
//! Ends      on a [`Violation`], or when [`Machine::is_silent`]; the caller then fails all that [`Machine::abandon`] returns
//!
//! The machine keeps a tag of the caller's for each thing in flight: `C` for a request of this side (who waits), `H` for one of the
//! other's (who works on it), `S` for a stream.

mod ask;
mod event;
mod ids;
mod in_flight;
mod pulse;
mod receive;
mod stream;

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::{Correlation, Frame, Limits, Refusal, encode};
use crate::units::Millis;
pub use event::{Event, Violation};
use ids::Ids;
pub use ids::Side;
use in_flight::InFlight;
use pulse::Pulse;
pub use stream::PIECE_MAX;
use stream::Stream;

/// A connection after its hellos. See the module.
#[derive(Debug)]
pub struct Machine<C, H, S> {
    ids: Ids,
    limits: Limits,
    /// Credit of each stream at its beginning, by the other side's hello.
    their_window: u32,
    asked: InFlight<C>,
    serving: InFlight<Option<H>>,
    streams: BTreeMap<Correlation, Stream<S>>,
    /// How many of `streams` this side and the other opened.
    opened: Opened,
    pulse: Pulse,
    /// This side said goodbye: the other's requests are refused.
    is_leaving: bool,
    /// The other did: nothing can be asked of it.
    is_left: bool,
}

#[derive(Debug, Default)]
struct Opened {
    here: usize,
    there: usize,
}

/// All that was in flight when a connection ended.
#[derive(Debug)]
pub struct Abandoned<C, H, S> {
    /// Who waited for answers.
    pub asked: Vec<C>,
    /// Who worked on them.
    pub serving: Vec<H>,
    /// Streams.
    pub streams: Vec<S>,
}

/// What ran out of time.
#[derive(Debug)]
pub struct Expired<C, H> {
    /// Who waited; the other side was told that the answer is no longer wanted.
    pub asked: Vec<C>,
    /// Who worked.
    pub serving: Vec<H>,
}

/// Nothing can be asked on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// As much as allowed is in flight; nothing was sent.
    #[error("too much in flight on the link")]
    Overloaded,
    /// The other side takes nothing more; nothing was sent.
    #[error("the member is leaving")]
    Left,
}

impl<C, H, S: Clone> Machine<C, H, S> {
    /// A connection whose hellos were exchanged at `now`. `their_window` is that of the other's hello; nothing heard for
    /// `silence_ms` is the end.
    #[must_use]
    pub const fn new(now: Millis, side: Side, limits: Limits, their_window: u32, silence_ms: u64) -> Self {
        Self {
            ids: Ids::new(side),
            limits,
            their_window,
            asked: InFlight::new(),
            serving: InFlight::new(),
            streams: BTreeMap::new(),
            opened: Opened { here: 0, there: 0 },
            pulse: Pulse::new(now, silence_ms),
            is_leaving: false,
            is_left: false,
        }
    }

    /// Requests of this side without an answer.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Requests of the other side that are being served.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.serving.len()
    }

    /// Streams that have not ended both ways, whoever opened them.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The other side takes nothing more.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        self.is_left
    }

    /// One side has said goodbye, and all that ran is done: the connection may be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let is_idle = self.asked() == 0 && self.serving() == 0 && self.streams() == 0;
        (self.is_leaving || self.is_left) && is_idle
    }

    /// Tells the other side that nothing more is taken here. What runs goes on.
    pub fn leave(&mut self, refusal: Refusal, out: &mut BytesMut) {
        if !self.is_leaving {
            self.is_leaving = true;
            encode(&Frame::<&[u8]>::Goodbye { refusal }, out);
        }
    }

    /// Bytes came, whatever they mean: the other side lives.
    pub const fn heard(&mut self, now: Millis) {
        self.pulse.heard(now);
    }

    /// Nothing was heard for the silence timeout: the connection is to be closed.
    #[must_use]
    pub const fn is_silent(&self, now: Millis) -> bool {
        self.pulse.is_silent(now)
    }

    /// Sends a ping if one is due; `stamp` comes back as [`Event::Pong`]. Ends what ran out of time.
    pub fn tick(&mut self, now: Millis, stamp: u64, out: &mut BytesMut) -> Expired<C, H> {
        if self.pulse.beats(now) {
            encode(&Frame::<&[u8]>::Ping { stamp }, out);
        }
        let asked = self.asked.expire(now, |id| {
            encode(&Frame::<&[u8]>::Cancel { id }, out);
        });
        // Whoever asked counts from earlier and has given up as well: no answer.
        let serving = self.serving.expire(now, |_| {}).into_iter().flatten().collect();
        Expired { asked, serving }
    }

    /// When [`Self::tick`] and [`Self::is_silent`] want to be asked again. Moves closer when something with a nearer deadline begins.
    #[must_use]
    pub fn next_tick(&self) -> Millis {
        let ends = [self.asked.earliest(), self.serving.earliest()];
        ends.into_iter().flatten().fold(self.pulse.next(), Millis::min)
    }

    /// Takes everything out, for its end to be told.
    pub fn abandon(&mut self) -> Abandoned<C, H, S> {
        self.is_left = true;
        self.opened = Opened::default();
        Abandoned {
            asked: self.asked.drain(),
            serving: self.serving.drain().into_iter().flatten().collect(),
            streams: std::mem::take(&mut self.streams)
                .into_values()
                .map(|stream| stream.tag)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
