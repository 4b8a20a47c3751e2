//! The connections of one arbiter to one endpoint.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::link::Link;
use super::{Dial, Reply};

/// Bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    /// How long a call waits for a slot.
    pub(crate) slot_wait: Duration,
    /// How long connecting may take, TLS included.
    pub(crate) connect: Duration,
    /// Connections kept between calls.
    pub(crate) idle: usize,
    /// How long one is kept.
    pub(crate) idle_time: Duration,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Every slot stayed taken for the whole wait; nothing was sent.
    #[error("all connections are busy")]
    Full,
    /// No connection within the bound; nothing was sent.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection broke before a reply began; the request may have been executed.
    #[error("connection broke before a reply")]
    Broken(#[source] hyper::Error),
}

pub(crate) struct Pool {
    origin: Uri,
    dial: Arc<dyn Dial>,
    limits: PoolLimits,
    /// Shared by the pools of all arbiters.
    slots: Arc<Semaphore>,
    /// Eldest first.
    idle: RefCell<VecDeque<Idle>>,
}

struct Idle {
    link: Link,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(
        origin: Uri,
        dial: Arc<dyn Dial>,
        limits: PoolLimits,
        slots: Arc<Semaphore>,
    ) -> Rc<Self> {
        Rc::new(Self {
            origin,
            dial,
            limits,
            slots,
            idle: RefCell::default(),
        })
    }

    /// Sends a request and waits for the head of its reply, however long that takes.
    ///
    /// A kept connection may have been closed by the other side in the same moment; then the request is sent once more
    /// over a connection of its own.
    pub(crate) async fn send(
        self: &Rc<Self>,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Reply, SendError> {
        let slot = self.slot().await?;
        if let Some(mut link) = self.kept().await {
            match link.exchange(request()).await {
                Ok(response) => return Ok(Reply::new(response, link, slot, Rc::clone(self))),
                // It answered, if only with nonsense.
                Err(error) if error.is_parse() => return Err(SendError::Broken(error)),
                Err(_) => {}
            }
        }
        let mut link = self.open().await?;
        let response = link.exchange(request()).await.map_err(SendError::Broken)?;
        Ok(Reply::new(response, link, slot, Rc::clone(self)))
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, SendError> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let waiting = Arc::clone(&self.slots).acquire_owned();
        match timeout(self.limits.slot_wait, waiting).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(SendError::Full),
        }
    }

    /// The connection used last that still stands.
    async fn kept(&self) -> Option<Link> {
        self.close_aged();
        poll_fn(|cx| {
            loop {
                let Some(mut kept) = self.idle.borrow_mut().pop_back() else {
                    return Poll::Ready(None);
                };
                if kept.link.is_reusable(cx) {
                    return Poll::Ready(Some(kept.link));
                }
            }
        })
        .await
    }

    async fn open(&self) -> Result<Link, SendError> {
        let opening = async {
            let io = self.dial.dial(self.origin.clone()).await?;
            Link::open(io).await.map_err(io::Error::other)
        };
        timeout(self.limits.connect, opening)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(SendError::Connect)
    }

    /// Takes back a connection whose reply was read to its end.
    pub(super) fn keep(&self, link: Link) {
        let mut idle = self.idle.borrow_mut();
        if self.limits.idle == 0 {
            return;
        }
        if idle.len() >= self.limits.idle {
            idle.pop_front();
        }
        idle.push_back(Idle { link, since: now() });
    }

    /// Closes what was kept for too long.
    pub(crate) fn close_aged(&self) {
        let mut idle = self.idle.borrow_mut();
        if idle.is_empty() {
            return;
        }
        let now = now();
        while idle
            .front()
            .is_some_and(|kept| now - kept.since > self.limits.idle_time)
        {
            idle.pop_front();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ages of connections: tokio's clock, which simulation drives"
)]
fn now() -> Instant {
    Instant::now()
}
