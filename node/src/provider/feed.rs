//! An answer's bytes, each piece within its time bound (atp.md 22.4).

use std::time::Duration;

use atp_protocol::error::{Code, Fault};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use tokio::time::{Instant, timeout_at};

use super::http::Reply;
use super::refusal::Refusal;
use super::settings::Waits;

/// Reads a reply when asked to, and says what went wrong if it does not come.
pub(super) struct Feed {
    reply: Option<Reply>,
    waits: Waits,
    /// When the next piece is due.
    due: Instant,
    deadline: Instant,
    is_stream: bool,
    may_be_events: bool,
    refusal: Refusal,
}

impl Feed {
    /// Starts the clock of a call that has `left` time.
    pub(super) fn new(waits: Waits, left: Duration, is_stream: bool, refusal: Refusal) -> Self {
        let now = now();
        let deadline = now.checked_add(left).unwrap_or(now + Duration::from_secs(86_400));
        let due = if is_stream {
            deadline.min(now + waits.first_chunk)
        } else {
            deadline
        };
        Self {
            reply: None,
            waits,
            due,
            deadline,
            is_stream,
            may_be_events: false,
            refusal,
        }
    }

    /// Reads this reply from here on. Its head is let go: each value in it would keep the buffer it was read into.
    pub(super) fn attach(&mut self, mut reply: Reply) {
        let declared = reply.take_headers().remove(CONTENT_TYPE);
        self.may_be_events = declared.is_none_or(|value| value.as_bytes().starts_with(b"text/event-stream"));
        self.reply = Some(reply);
    }

    /// Whether server-sent events may follow. Servers that name no type are given the benefit of the doubt.
    pub(super) const fn may_be_events(&self) -> bool {
        self.may_be_events
    }

    /// Waits for what precedes the first piece.
    pub(super) async fn within<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Fault> {
        timeout_at(self.due, waiting).await.map_err(|_| self.late())
    }

    /// The next piece; `None` at the end of the answer.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(reply) = &mut self.reply else {
            return Ok(None);
        };
        let piece = match timeout_at(self.due, reply.piece()).await {
            Ok(Ok(piece)) => piece,
            Ok(Err(_)) => return Err(self.lost(self.refusal.fault(Code::Adapter, "the answer broke off"))),
            Err(_) => return Err(self.lost(self.late())),
        };
        if self.is_stream {
            self.due = self.deadline.min(now() + self.waits.between_chunks);
        }
        Ok(piece)
    }

    /// The whole answer, up to `limit` bytes.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, Fault> {
        let Some(first) = self.piece().await? else {
            return Ok(Bytes::new());
        };
        let mut all = BytesMut::new();
        let mut next = Some(first);
        while let Some(piece) = next {
            if all.len() + piece.len() > limit {
                let what = format!("an answer over {limit} bytes; raise the adapter's limit or ask for less");
                return Err(self.lost(self.refusal.fault(Code::Adapter, what)));
            }
            next = self.piece().await?;
            if all.is_empty() && next.is_none() {
                return Ok(piece);
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// A failure after the request was sent. Of an answer in one piece nobody knows how much was done; of a stream, what
    /// came of it is known.
    pub(super) fn lost(&self, fault: Fault) -> Fault {
        match self.is_stream {
            true => fault,
            false => fault.outcome_unknown(),
        }
    }

    /// Reads on to the end of the transfer, which frees the connection for the next call; gives up soon.
    pub(super) async fn end(&mut self) {
        if let Some(reply) = &mut self.reply {
            let reading = async { while let Ok(Some(_)) = reply.piece().await {} };
            let _ = timeout_at(now() + self.waits.end, reading).await;
        }
        self.reply = None;
    }

    fn late(&self) -> Fault {
        let what = if now() >= self.deadline {
            "no answer within the request's deadline"
        } else {
            "stalled for longer than it may"
        };
        self.refusal.fault(Code::Timeout, what)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "time bounds of a call: tokio's clock, which simulation drives"
)]
fn now() -> Instant {
    Instant::now()
}
