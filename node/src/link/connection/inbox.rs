//! What has come on a stream and was not read, and who waits for more.
//!
//! Bounded by the credit that was granted: the machine closes the connection of a sender that exceeds it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::link::LinkError;

/// Shared by a stream's [`Duplex`](super::Duplex) and the connection's pump.
#[derive(Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    pieces: VecDeque<Bytes>,
    /// The other side has said all it had to say.
    is_ended: bool,
    /// The stream is over both ways, and why.
    broken: Option<LinkError>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Inbox {
    pub(super) fn push(&self, piece: Bytes) {
        let mut state = self.lock();
        // An empty piece would read as the end.
        if !piece.is_empty() {
            state.pieces.push_back(piece);
        }
        wake(state.reader.take());
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        wake(state.reader.take());
    }

    /// What was not read goes, because what was cut short is not to be relied on; unless the other side had said all before.
    pub(super) fn break_off(&self, why: LinkError) {
        let mut state = self.lock();
        if !state.is_ended {
            state.pieces.clear();
        }
        state.broken = Some(why);
        wake(state.reader.take());
        wake(state.writer.take());
    }

    pub(super) fn credited(&self) {
        wake(self.lock().writer.take());
    }

    /// The next piece; `None` at the end.
    pub(super) fn poll_piece(&self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, LinkError>> {
        let mut state = self.lock();
        if let Some(piece) = state.pieces.pop_front() {
            return Poll::Ready(Ok(Some(piece)));
        }
        match &state.broken {
            _ if state.is_ended => Poll::Ready(Ok(None)),
            Some(why) => Poll::Ready(Err(why.clone())),
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Wakes `context` when there is credit, or the stream is over.
    pub(super) fn await_credit(&self, context: &Context<'_>) {
        self.lock().writer = Some(context.waker().clone());
    }

    pub(super) fn broken(&self) -> Option<LinkError> {
        self.lock().broken.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics but a waker, after the state was changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
