//! A service of each sort.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Refusal, Service};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;

use crate::link::{Duplex, Services};

/// Answers with the question.
pub(super) const ECHO: Service = Service(1);
/// Begins and never answers.
pub(super) const STALL: Service = Service(2);
/// Says no.
pub(super) const REFUSE: Service = Service(3);
/// Panics.
pub(super) const PANIC: Service = Service(4);
/// Answers with an answer that no frame holds.
pub(super) const LONG: Service = Service(5);
/// Keeps a stream and does nothing with it.
pub(super) const KEEP: Service = Service(6);
/// Resets a stream.
pub(super) const RESET: Service = Service(7);

/// What happened to the work.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) begun: Cell<usize>,
    pub(super) dropped: Cell<usize>,
    pub(super) from: Cell<Option<NodeId>>,
    pub(super) deadline: Cell<Duration>,
}

/// Serves all of them.
#[derive(Default)]
pub(super) struct Everything {
    pub(super) counts: Rc<Counts>,
    pub(super) kept: RefCell<Vec<Duplex>>,
}

/// Counts work that was not finished.
struct Unfinished(Rc<Counts>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}

impl Services for Everything {
    fn call(
        &self,
        from: NodeId,
        service: Service,
        body: Bytes,
        deadline: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>> {
        self.counts.begun.set(self.counts.begun.get() + 1);
        self.counts.from.set(Some(from));
        self.counts.deadline.set(deadline);
        let unfinished = Unfinished(Rc::clone(&self.counts));
        Box::pin(async move {
            if service == STALL {
                std::future::pending::<()>().await;
            }
            std::mem::forget(unfinished);
            match service {
                ECHO => Ok(body),
                REFUSE => Err(Refusal::new(Code(300), "not today")),
                LONG => Ok(Bytes::from(vec![0; atp_protocol::link::FRAME_MAX])),
                PANIC => panic!("as asked"),
                _ => Err(Refusal::new(Code::NO_SERVICE, "nobody answers for it")),
            }
        })
    }

    fn open(&self, _: NodeId, service: Service, body: Bytes, mut stream: Duplex) {
        match service {
            KEEP => self.kept.borrow_mut().push(stream),
            RESET => stream.reset(Refusal::new(Code(301), "not this one")),
            _ => {
                tokio::task::spawn_local(async move {
                    stream.send(&body).await?;
                    while let Some(piece) = stream.recv().await? {
                        stream.send(&piece).await?;
                    }
                    stream.finish();
                    Ok::<_, crate::link::LinkError>(())
                });
            }
        }
    }
}
