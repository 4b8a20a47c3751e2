//! An address with the factory behind it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, MailboxError, Message};
use atp_protocol::error::{Code, Fault, Scope};
use tracing::{error, warn};

use super::{RestartBudget, Verdict};
use crate::environment::World;

/// The actor ended too often to be restarted right away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{actor} ended too often; it is started again in {retry_after_ms} ms")]
pub struct GaveUp {
    /// Which kind of actor.
    pub actor: &'static str,
    /// When the restart budget allows another start.
    pub retry_after_ms: u64,
}

impl From<GaveUp> for Fault {
    fn from(gave_up: GaveUp) -> Self {
        Self::new(Code::Internal, gave_up.to_string())
            .scoped(Scope::Stream)
            .retry_after(gave_up.retry_after_ms)
    }
}

/// An actor on this arbiter that is started anew when it has ended, as often as its budget allows. Cheap to clone.
pub struct Supervised<A: Actor<Context = Context<A>>> {
    inner: Rc<RefCell<Inner<A>>>,
}

impl<A: Actor<Context = Context<A>>> Clone for Supervised<A> {
    fn clone(&self) -> Self {
        Self {
            inner: Rc::clone(&self.inner),
        }
    }
}

struct Inner<A: Actor> {
    name: &'static str,
    make: Box<dyn Fn() -> A>,
    addr: Addr<A>,
    budget: RestartBudget,
    world: World,
}

impl<A: Actor<Context = Context<A>>> Supervised<A> {
    /// Starts the actor that `make` makes; `name` stands in logs and metrics.
    #[must_use]
    pub fn start(name: &'static str, world: World, make: impl Fn() -> A + 'static) -> Self {
        let (max, window_ms) = RestartBudget::DEFAULT;
        let addr = make().start();
        let inner = Inner {
            name,
            make: Box::new(make),
            addr,
            budget: RestartBudget::new(max, window_ms),
            world,
        };
        Self {
            inner: Rc::new(RefCell::new(inner)),
        }
    }

    /// A live address, after a restart if need be.
    ///
    /// # Errors
    /// [`GaveUp`] when the restart budget is spent.
    pub fn addr(&self) -> Result<Addr<A>, GaveUp> {
        let mut inner = self.inner.borrow_mut();
        if inner.addr.connected() {
            return Ok(inner.addr.clone());
        }
        let now = inner.world.now();
        match inner.budget.on_end(now) {
            Verdict::Restart => {
                warn!(actor = inner.name, "actor ended; restarting");
                inner.world.meter.actor_restarted(inner.name);
                inner.addr = (inner.make)().start();
                Ok(inner.addr.clone())
            }
            Verdict::Wait(retry_after_ms) => {
                error!(
                    actor = inner.name,
                    retry_after_ms, "actor ended too often; not restarted yet"
                );
                Err(GaveUp {
                    actor: inner.name,
                    retry_after_ms,
                })
            }
        }
    }

    /// Sends and waits for the answer.
    ///
    /// # Errors
    /// A [`Fault`] when the actor is down or ended while it held the message; what the message asked for may have
    /// happened then.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result, Fault>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let addr = self.addr()?;
        addr.send(message).await.map_err(|error| match error {
            MailboxError::Closed => {
                Fault::new(Code::Internal, "an internal component failed; retry the request")
            }
            MailboxError::Timeout => {
                Fault::new(Code::Timeout, "an internal component did not answer in time")
            }
        })
    }
}

/// Something [`watch`] looks at.
pub trait Watched {
    /// Restarts what has ended, budget allowing.
    fn look(&self);
}

impl<A: Actor<Context = Context<A>>> Watched for Supervised<A> {
    fn look(&self) {
        // A spent budget was logged; the next look tries again.
        let _ = self.addr();
    }
}

/// Looks at `children` every `interval` until all their holders are gone.
pub async fn watch(children: Vec<Weak<dyn Watched>>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let mut alive = 0;
        for child in children.iter().filter_map(Weak::upgrade) {
            child.look();
            alive += 1;
        }
        if alive == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
