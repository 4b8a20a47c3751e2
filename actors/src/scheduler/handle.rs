//! What sessions hold of the scheduler.

use std::rc::Rc;

use actix::Addr;
use atp_protocol::error::Fault;
use atp_protocol::ids::RequestId;
use atp_routing::scheduler::{Item, Settings};
use tracing::Span;

use super::Congestion;
use super::actor::{Acquire, Preempted, Release, Scheduler};
use crate::environment::World;
use crate::supervision::Supervised;

/// The scheduler of an arbiter.
pub(crate) struct SchedulerHandle {
    scheduler: Supervised<Scheduler>,
    /// Whether its queues are slow.
    pub(crate) congestion: Rc<Congestion>,
}

/// A slot, or a place in the queue; given back when dropped.
pub(crate) struct Slot {
    scheduler: Addr<Scheduler>,
    id: RequestId,
    /// Told when the slot is wanted back; `None` while waiting.
    pub(crate) preempted: Option<Preempted>,
}

impl SchedulerHandle {
    pub(crate) fn start(settings: Settings, world: World) -> Self {
        let congestion = Rc::new(Congestion::default());
        let (of, shown) = (world.clone(), Rc::clone(&congestion));
        let make = move || Scheduler::new(settings, of.clone(), Rc::clone(&shown));
        Self {
            scheduler: Supervised::start("scheduler", world, make),
            congestion,
        }
    }

    /// Waits for a slot; `span` lasts as long.
    ///
    /// # Errors
    /// `EWINDOW` when the queue is full or the wait too long.
    pub(crate) async fn acquire(&self, item: Item, span: Span) -> Result<Slot, Fault> {
        let scheduler = self.scheduler.addr()?;
        // Made first, so that a caller that stops waiting leaves the queue.
        let mut slot = Slot {
            scheduler,
            id: item.id.clone(),
            preempted: None,
        };
        slot.preempted = Some(self.scheduler.ask(Acquire(item, span)).await??);
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.scheduler.do_send(Release(self.id.clone()));
    }
}
