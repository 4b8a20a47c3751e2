//! Asking and answering.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atp_protocol::link::machine::Unasked;
use atp_protocol::link::{BODY_MAX, Code, Correlation, Refusal, Service};
use atp_protocol::units::Millis;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Caller, Connection, Core, OUT_MAX};
use crate::link::LinkError;

impl From<Unasked> for LinkError {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::Overloaded => Self::Overloaded,
            Unasked::Left => Self::Unreachable,
        }
    }
}

/// A request on its way into the buffer.
struct Question<'a> {
    service: Service,
    body: &'a [u8],
    /// When the caller no longer waits.
    end: Millis,
}

impl Connection {
    /// Asks the other side. Dropping the future tells it that the answer is no longer wanted.
    pub(in crate::link) async fn call(
        &self,
        service: Service,
        body: &[u8],
        deadline: Duration,
    ) -> Result<Bytes, LinkError> {
        if body.len() > BODY_MAX {
            return Err(Refusal::new(Code::TOO_LARGE, "the request is longer than a frame").into());
        }
        let deadline_ms = u64::try_from(deadline.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        let end = self.clock.now().plus(deadline_ms);
        let question = Question { service, body, end };
        let (caller, answer) = oneshot::channel();
        let mut caller = Some(caller);
        let id = match self.ask_now(&question, &mut caller) {
            Some(asked) => asked?,
            None => {
                let asking = self.ask_in_turn(&question, &mut caller);
                let asked = tokio::time::timeout(deadline, asking).await;
                asked.unwrap_or(Err(LinkError::DeadlineExceeded))?
            }
        };
        let _asked = Asked::new(self, id);
        // Its sender is gone without a word when the connection is.
        answer.await.unwrap_or(Err(LinkError::Lost))
    }

    /// `None` when there is no room. Takes `caller` out when it asks.
    fn ask_now(
        &self,
        question: &Question<'_>,
        caller: &mut Option<Caller>,
    ) -> Option<Result<Correlation, LinkError>> {
        let core = &mut *self.lock();
        match core.out.len() < OUT_MAX {
            true => Some(self.ask(core, question, caller)),
            false => None,
        }
    }

    async fn ask_in_turn(
        &self,
        question: &Question<'_>,
        caller: &mut Option<Caller>,
    ) -> Result<Correlation, LinkError> {
        let _waiting = Waiting::new(self)?;
        poll_fn(|context| {
            let core = &mut *self.lock();
            std::task::ready!(core.poll_room(context));
            Poll::Ready(self.ask(core, question, caller))
        })
        .await
    }

    fn ask(
        &self,
        core: &mut Core,
        question: &Question<'_>,
        caller: &mut Option<Caller>,
    ) -> Result<Correlation, LinkError> {
        if core.is_over {
            return Err(LinkError::Unreachable);
        }
        let now = self.clock.now();
        let left = question.end.since(now);
        if left == 0 {
            return Err(LinkError::DeadlineExceeded);
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let caller = caller.take().expect("a question is asked once");
        let (service, body) = (question.service, question.body);
        let id = core
            .machine
            .ask(now, service, left, body, caller, &mut core.out)?;
        self.pump.wake();
        Ok(id)
    }

    /// Answers a request of the other side, in turn.
    async fn answer(&self, id: Correlation, answer: Result<Bytes, Refusal>) {
        let mut answer = Some(answer);
        poll_fn(|context| {
            let core = &mut *self.lock();
            std::task::ready!(core.poll_room(context));
            if let Some(answer) = answer.take() {
                self.write_answer(core, id, answer);
            }
            Poll::Ready(())
        })
        .await;
    }

    fn write_answer(&self, core: &mut Core, id: Correlation, answer: Result<Bytes, Refusal>) {
        if let Err(refusal) = &answer {
            self.series.refused(refusal.code);
        }
        let answer = answer.as_deref().map_err(Refusal::clone);
        core.machine.answer(id, answer, &mut core.out);
        self.pump.wake();
    }
}

/// A call that waits for room counts as one in flight.
struct Waiting<'a>(&'a Connection);

impl<'a> Waiting<'a> {
    fn new(connection: &'a Connection) -> Result<Self, LinkError> {
        let core = &mut *connection.lock();
        if core.waiting + core.machine.asked() >= connection.limits.requests {
            return Err(LinkError::Overloaded);
        }
        core.waiting += 1;
        Ok(Self(connection))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A request in flight; cancelled when dropped before its answer.
struct Asked<'a> {
    connection: &'a Connection,
    id: Correlation,
}

impl<'a> Asked<'a> {
    fn new(connection: &'a Connection, id: Correlation) -> Self {
        connection.series.in_flight.increment(1.0);
        Self { connection, id }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.connection.series.in_flight.decrement(1.0);
        let core = &mut *self.connection.lock();
        let before = core.out.len();
        core.machine.cancel(self.id, &mut core.out);
        if core.out.len() != before {
            self.connection.pump.wake();
        }
    }
}

/// A request of the other side that is being worked on. Dropped without an answer, it says that the outcome is unknown.
pub(super) struct Working {
    connection: Arc<Connection>,
    id: Correlation,
}

impl Working {
    pub(super) const fn new(connection: Arc<Connection>, id: Correlation) -> Self {
        Self { connection, id }
    }

    pub(super) async fn end(self, answer: Result<Bytes, Refusal>) {
        self.connection.answer(self.id, answer).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let core = &mut *self.connection.lock();
        if core.machine.is_serving(self.id) {
            let lost = Refusal::new(Code::LOST, "the work ended without an answer");
            self.connection.write_answer(core, self.id, Err(lost));
        }
    }
}
