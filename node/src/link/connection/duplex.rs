//! A stream as its two ends see it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{BODY_MAX, Code, Correlation, Refusal, Service};
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Inbox};
use crate::link::LinkError;

/// A stream of bytes in both directions, each with credit: who sends faster than the other side reads waits.
///
/// A piece of at most [`PIECE_MAX`](atp_protocol::link::machine::PIECE_MAX) bytes arrives as it was sent; a longer one arrives as several.
/// Dropped before both sides have finished, it is reset as cancelled: what its side said is lost where it was not read, unless that side
/// had finished.
pub struct Duplex {
    connection: Arc<Connection>,
    id: Correlation,
    inbox: Arc<Inbox>,
    /// What [`AsyncRead`] has left of a piece.
    rest: Bytes,
}

impl Connection {
    /// Opens a stream to the other side.
    pub(in crate::link) async fn open(
        self: &Arc<Self>,
        service: Service,
        body: &[u8],
    ) -> Result<Duplex, LinkError> {
        if body.len() > BODY_MAX {
            return Err(Refusal::new(Code::TOO_LARGE, "what opens the stream is longer than a frame").into());
        }
        poll_fn(|context| {
            let core = &mut *self.lock();
            ready!(core.poll_room(context));
            if core.is_over {
                return Poll::Ready(Err(LinkError::Unreachable));
            }
            let inbox = Arc::<Inbox>::default();
            let opened = core
                .machine
                .open(service, body, Arc::clone(&inbox), &mut core.out)?;
            self.pump.wake();
            Poll::Ready(Ok(Duplex::new(self, opened, inbox)))
        })
        .await
    }
}

impl Duplex {
    pub(super) fn new(connection: &Arc<Connection>, id: Correlation, inbox: Arc<Inbox>) -> Self {
        Self {
            connection: Arc::clone(connection),
            id,
            inbox,
            rest: Bytes::new(),
        }
    }

    /// The member at the other end.
    #[must_use]
    pub fn member(&self) -> NodeId {
        self.connection.member
    }

    /// Sends `bytes`, waiting for credit. Done when they are on their way, not when they have arrived.
    ///
    /// # Errors
    /// [`LinkError`] when the stream is over or [`Self::finish`]ed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), LinkError> {
        let mut left = bytes.as_ref();
        while !left.is_empty() {
            let sent = poll_fn(|context| self.poll_send(context, left)).await?;
            left = &left[sent..];
        }
        Ok(())
    }

    /// The next piece; `None` when the other side has finished.
    ///
    /// # Errors
    /// [`LinkError`] when the stream broke off: what came before is not all.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, LinkError> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Says that nothing more will be sent. What the other side sends still comes.
    pub fn finish(&mut self) {
        let core = &mut *self.connection.lock();
        core.machine.finish(self.id, &mut core.out);
        self.connection.pump.wake();
    }

    /// Ends the stream in both directions and tells the other side why.
    pub fn reset(self, refusal: Refusal) {
        self.end(refusal);
    }

    fn end(&self, refusal: Refusal) {
        let core = &mut *self.connection.lock();
        core.machine.reset(self.id, refusal, &mut core.out);
        self.connection.pump.wake();
    }

    /// As [`Self::recv`].
    ///
    /// # Errors
    /// As [`Self::recv`].
    pub fn poll_recv(&mut self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, LinkError>> {
        if self.rest.has_remaining() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.rest))));
        }
        let piece = ready!(self.inbox.poll_piece(context))?;
        if let Some(piece) = &piece {
            let core = &mut *self.connection.lock();
            let before = core.out.len();
            core.machine.consume(self.id, piece, &mut core.out);
            if core.out.len() != before {
                self.connection.pump.wake();
            }
        }
        Poll::Ready(Ok(piece))
    }

    /// Sends the beginning of `bytes`, which is not empty, and says how much of it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn poll_send(&mut self, context: &Context<'_>, bytes: &[u8]) -> Poll<Result<usize, LinkError>> {
        let core = &mut *self.connection.lock();
        ready!(core.poll_room(context));
        let mut left = bytes;
        if core.is_over || core.machine.send(self.id, &mut left, &mut core.out).is_none() {
            let why = self.inbox.broken().unwrap_or(LinkError::Cancelled);
            return Poll::Ready(Err(why));
        }
        match bytes.len() - left.len() {
            0 => {
                // Under the lock, so that credit cannot come in between.
                self.inbox.await_credit(context);
                Poll::Pending
            }
            sent => {
                self.connection.pump.wake();
                Poll::Ready(Ok(sent))
            }
        }
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.end(Refusal::new(Code::CANCELLED, "no longer wanted"));
    }
}

fn broken(error: LinkError) -> io::Error {
    let kind = match error {
        LinkError::Lost => io::ErrorKind::ConnectionReset,
        LinkError::Unreachable => io::ErrorKind::NotConnected,
        LinkError::DeadlineExceeded => io::ErrorKind::TimedOut,
        LinkError::Cancelled | LinkError::Overloaded | LinkError::Refused { .. } => {
            io::ErrorKind::ConnectionAborted
        }
    };
    io::Error::new(kind, error)
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = ready!(self.poll_recv(context)).map_err(broken)? else {
            return Poll::Ready(Ok(()));
        };
        into.put_slice(&piece.split_to(piece.len().min(into.remaining())));
        self.rest = piece;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_send(context, bytes).map_err(broken)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's task writes all there is.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}
