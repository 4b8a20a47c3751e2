//! An item comes in.

use atp_protocol::units::{Millis, Tier};

use super::{Place, Scheduler};
use crate::scheduler::tier::Waiting;
use crate::scheduler::{Admission, Grant, Item, Refused};

impl Scheduler {
    /// Takes an item in: a slot at once if one is free, nobody waits for it and the session's window has room, else a place
    /// in the queue.
    ///
    /// # Errors
    /// [`Refused`]; the item is then forgotten.
    pub fn enqueue(&mut self, now: Millis, item: Item) -> Result<Admission, Refused> {
        self.check(now, &item)?;
        let flow = item.flow();
        if self.windows.wait(&flow, item.window) {
            self.refresh(&flow);
        }
        let is_first = !self.queues[item.tier.index()].has_flow(&flow)
            && self.queues.iter().all(|queue| queue.ready_items() == 0);
        if self.free() > 0 && is_first && self.windows.fits(&flow, item.cost) {
            self.queues[item.tier.index()].passed(now, &item);
            let grant = Grant {
                id: item.id.clone(),
                tier: item.tier,
                waited_ms: 0,
                was_fast: true,
                was_starved: false,
            };
            self.start(now, item);
            return Ok(Admission::Granted(grant));
        }
        let tier = item.tier.index();
        self.queue(now, item);
        self.queues[tier].refresh(&flow, &self.windows);
        self.watch(now);
        Ok(Admission::Queued)
    }

    fn check(&self, now: Millis, item: &Item) -> Result<(), Refused> {
        if self.places.contains_key(&item.id) {
            return Err(Refused::Duplicate);
        }
        if item.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Refused::TooLate);
        }
        if item.tier == Tier::Bronze && self.sheds_bronze {
            return Err(Refused::Shed);
        }
        if let Some(window) = item.window {
            // 0 closes a component for a while, so that says nothing of the item
            let exceeds = |cost: u64, max: u64| max > 0 && cost > max;
            if exceeds(item.cost.tokens, window.max_tokens)
                || exceeds(item.cost.usd_micros, window.max_usd_micros)
            {
                return Err(Refused::NeverFits { window });
            }
        }
        let max = self.settings.tiers[item.tier.index()].queue_max;
        match self.waiting(item.tier) < max {
            true => Ok(()),
            false => Err(Refused::QueueFull { tier: item.tier, max }),
        }
    }

    fn queue(&mut self, now: Millis, item: Item) {
        let tier = item.tier;
        let timeout = now.plus(self.settings.tiers[tier.index()].queue_timeout_ms);
        let order = self.next_number();
        self.places.insert(item.id.clone(), Place::Waiting(tier, order));
        let until = item.deadline.map_or(timeout, |deadline| deadline.min(timeout));
        self.queues[tier.index()].push(
            order,
            Waiting {
                item,
                since: now,
                until,
            },
        );
    }
}
