//! The one task that reads and writes a connection's socket.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use atp_protocol::link::machine::{Event, Violation};
use atp_protocol::link::{Code, Correlation, FRAME_MAX, FrameError, Refusal, Service, decode};
use atp_protocol::units::Millis;
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::task::AbortHandle;
use tokio::time::{Sleep, sleep};

use super::call::Working;
use super::{Caller, Connection, Duplex, Inbox, OUT_MAX};
use crate::environment::ByteStream;
use crate::link::{LinkError, Services};

/// Room made for each read, in bytes.
const READ: usize = 64 * 1024;

/// Reads in a row before others on this thread have a turn.
const READS_MAX: usize = 8;

/// A write buffer that grew beyond this is given back once it is written.
const KEPT_MAX: usize = 256 * 1024;

/// Bytes waiting to be written that no member causes that reads what it is told: calls, answers and streams wait from [`OUT_MAX`] on, and
/// what does not is answered once for each thing in flight.
const OUT_END: usize = 2 * OUT_MAX + FRAME_MAX;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::link) enum Ended {
    /// The other side closed it.
    #[error("closed by the member")]
    Closed,
    /// Nothing was heard for too long.
    #[error("the member fell silent")]
    Silent,
    /// One side said goodbye, and all was done.
    #[error("left: {0}")]
    Left(Refusal),
    /// The socket failed.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The other side sent what is no frame.
    #[error("the member sent no frame: {0}")]
    Frame(#[from] FrameError),
    /// The other side goes on sending and does not read.
    #[error("the member does not read what it is told")]
    Deaf,
    /// The other side broke the rules.
    #[error("the member broke the rules: {0}")]
    Violation(#[from] Violation),
}

/// Runs a connection as long as it is polled. Dropped, it ends the connection and tells all that wait.
pub(in crate::link) struct Pump<S> {
    connection: Arc<Connection>,
    io: S,
    services: Option<Rc<dyn Services>>,
    input: BytesMut,
    /// What is being written, and how much of it was.
    output: BytesMut,
    written: usize,
    is_flushed: bool,
    goodbye: Option<Refusal>,
    wake_at: Millis,
    sleep: Pin<Box<Sleep>>,
}

impl<S: ByteStream> Pump<S> {
    /// `input` is what the handshake has read too much. Without `services` nothing is answered.
    pub(in crate::link) fn new(
        connection: Arc<Connection>,
        io: S,
        input: BytesMut,
        services: Option<Rc<dyn Services>>,
    ) -> Self {
        Self {
            connection,
            io,
            services,
            input,
            output: BytesMut::new(),
            written: 0,
            is_flushed: true,
            goodbye: None,
            wake_at: Millis(0),
            sleep: Box::pin(sleep(Duration::ZERO)),
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        // First what came: a thread that was held up must not take its own absence for the other side's.
        self.read(context)?;
        self.keep_time(context)?;
        self.write(context)?;
        let is_over = self.is_flushed && self.connection.lock().machine.is_over();
        match is_over {
            false => Ok(()),
            true => {
                let stopping = || Refusal::new(Code::STOPPING, "this member is stopping");
                Err(Ended::Left(self.goodbye.take().unwrap_or_else(stopping)))
            }
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        self.handle_input()?;
        for _ in 0..READS_MAX {
            self.input.reserve(READ);
            let reading = pin!(self.io.read_buf(&mut self.input));
            let Poll::Ready(read) = reading.poll(context) else {
                return Ok(());
            };
            match read? {
                0 => return Err(Ended::Closed),
                read => self.connection.series.received.increment(read as u64),
            }
            let now = self.connection.clock.now();
            self.connection.lock().machine.heard(now);
            self.handle_input()?;
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn handle_input(&mut self) -> Result<(), Ended> {
        let now = self.connection.clock.now();
        while let Some(frame) = decode(&mut self.input)? {
            let event = {
                let core = &mut *self.connection.lock();
                core.machine.receive(now, frame, &mut core.out)?
            };
            self.handle(event);
        }
        match self.connection.lock().out.len() > OUT_END {
            true => Err(Ended::Deaf),
            false => Ok(()),
        }
    }

    fn handle(&mut self, event: Event<Caller, AbortHandle, Arc<Inbox>>) {
        match event {
            Event::None => {}
            Event::Asked {
                id,
                service,
                deadline_ms,
                body,
            } => self.serve(id, service, body, Duration::from_millis(deadline_ms.into())),
            Event::Cancelled(worker) => worker.abort(),
            Event::Answered(caller, answer) => {
                // Whoever asked may have gone meanwhile.
                let _ = caller.send(answer.map_err(LinkError::from));
            }
            Event::Opened { id, service, body } => self.take_stream(id, service, body),
            Event::Data(inbox, piece) => inbox.push(piece),
            Event::Ended(inbox) => inbox.end(),
            Event::Credited(inbox) => inbox.credited(),
            Event::Reset(inbox, refusal) => inbox.break_off(refusal.into()),
            Event::Pong { stamp } => {
                let rtt = self.connection.clock.micros().saturating_sub(stamp).max(1);
                self.connection.rtt_us.store(rtt, Ordering::Relaxed);
                self.connection.series.rtt.record(rtt as f64);
            }
            Event::Left(refusal) => self.goodbye = Some(refusal),
        }
    }

    fn serve(&self, id: Correlation, service: Service, body: Bytes, deadline: Duration) {
        let working = Working::new(Arc::clone(&self.connection), id);
        let services = self.services.clone();
        let from = self.connection.member;
        // The service is asked in the task: a request that is cancelled before its turn is never begun.
        let task = tokio::task::spawn_local(async move {
            let answer = match services {
                Some(services) => services.call(from, service, body, deadline).await,
                None => Err(Refusal::new(Code::NO_SERVICE, "nothing is served here")),
            };
            working.end(answer).await;
        });
        self.connection.lock().machine.serve(id, task.abort_handle());
    }

    fn take_stream(&self, id: Correlation, service: Service, body: Bytes) {
        let inbox = Arc::<Inbox>::default();
        self.connection.lock().machine.accept(id, Arc::clone(&inbox));
        let stream = Duplex::new(&self.connection, id, inbox);
        match &self.services {
            Some(services) => services.open(self.connection.member, service, body, stream),
            None => stream.reset(Refusal::new(Code::NO_SERVICE, "nothing is served here")),
        }
    }

    fn keep_time(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            let now = self.connection.clock.now();
            let (expired, next) = {
                let core = &mut *self.connection.lock();
                if core.machine.is_silent(now) {
                    return Err(Ended::Silent);
                }
                let stamp = self.connection.clock.micros();
                let expired = core.machine.tick(now, stamp, &mut core.out);
                (expired, core.machine.next_tick())
            };
            for caller in expired.asked {
                // Whoever asked may have gone meanwhile.
                let _ = caller.send(Err(LinkError::DeadlineExceeded));
            }
            for worker in expired.serving {
                worker.abort();
            }
            if self.wake_at != next {
                self.wake_at = next;
                self.sleep.set(sleep(Duration::from_millis(next.since(now))));
            }
            if self.sleep.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            self.wake_at = Millis(0);
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            if self.written == self.output.len() && !self.refill() {
                break;
            }
            let left = &self.output[self.written..];
            match Pin::new(&mut self.io).poll_write(context, left) {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => match written? {
                    0 => return Err(Ended::Closed),
                    written => {
                        self.written += written;
                        self.is_flushed = false;
                        self.connection.series.sent.increment(written as u64);
                    }
                },
            }
        }
        if !self.is_flushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(context)
        {
            flushed?;
            self.is_flushed = true;
        }
        Ok(())
    }

    /// Takes what was encoded meanwhile; false if nothing was.
    fn refill(&mut self) -> bool {
        self.written = 0;
        match self.output.capacity() > KEPT_MAX {
            true => self.output = BytesMut::new(),
            false => self.output.clear(),
        }
        let core = &mut *self.connection.lock();
        std::mem::swap(&mut core.out, &mut self.output);
        for blocked in core.blocked.drain(..) {
            blocked.wake();
        }
        !self.output.is_empty()
    }
}

impl<S: ByteStream> Future for Pump<S> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        self.connection.pump.register(context.waker());
        match self.turn(context) {
            Ok(()) => Poll::Pending,
            Err(ended) => Poll::Ready(ended),
        }
    }
}

impl<S> Drop for Pump<S> {
    fn drop(&mut self) {
        let (abandoned, blocked) = {
            let core = &mut *self.connection.lock();
            core.is_over = true;
            (core.machine.abandon(), std::mem::take(&mut core.blocked))
        };
        self.connection.series.connections.decrement(1.0);
        for caller in abandoned.asked {
            // Whoever asked may have gone meanwhile.
            let _ = caller.send(Err(LinkError::Lost));
        }
        for worker in abandoned.serving {
            worker.abort();
        }
        for inbox in abandoned.streams {
            inbox.break_off(LinkError::Lost);
        }
        for blocked in blocked {
            blocked.wake();
        }
    }
}
