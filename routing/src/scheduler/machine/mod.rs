//! The scheduler: slots, and who has them.

mod admit;
mod give_way;

use std::collections::BTreeMap;

use atp_protocol::ids::{RequestId, SessionId, TenantId};
use atp_protocol::units::{Amount, Millis, Tier, Window};

use super::item::FlowId;
use super::preempt::Shortage;
use super::tier::{Pick, TierQueue, Waiting};
use super::wheel::Wheel;
use super::windows::Windows;
use super::{Event, Grant, Item, Settings};

/// A call that has a slot.
#[derive(Debug, Clone)]
struct Running {
    id: RequestId,
    tier: Tier,
    flow: FlowId,
    cost: Amount,
    started: Millis,
    deadline: Option<Millis>,
    is_preemptible: bool,
    /// It was asked to give its slot up.
    is_leaving: bool,
}

/// Where an item is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the queue of its tier, by arrival.
    Waiting(Tier, u64),
    /// Among the running, by the number of its grant.
    Running(u64),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Scheduler {
    settings: Settings,
    queues: [TierQueue; 3],
    wheel: Wheel,
    windows: Windows,
    /// In the order of their grants.
    running: BTreeMap<u64, Running>,
    running_by_tier: [usize; 3],
    leaving: usize,
    places: BTreeMap<RequestId, Place>,
    shortage: Shortage,
    sheds_bronze: bool,
    /// Numbers arrivals and grants.
    counter: u64,
}

impl Scheduler {
    /// Nobody waits, nobody runs.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            queues: std::array::from_fn(|_| TierQueue::new(settings.idle_flows)),
            wheel: Wheel::new(settings.tiers.map(|tier| tier.weight)),
            windows: Windows::default(),
            running: BTreeMap::new(),
            running_by_tier: [0; 3],
            leaving: 0,
            places: BTreeMap::new(),
            shortage: Shortage::default(),
            sheds_bronze: false,
            counter: 0,
            settings,
        }
    }

    /// How many wait in a tier.
    #[must_use]
    pub fn waiting(&self, tier: Tier) -> usize {
        self.queues[tier.index()].len()
    }

    /// How many of a tier run.
    #[must_use]
    pub fn running(&self, tier: Tier) -> usize {
        self.running_by_tier[tier.index()]
    }

    /// Whether a slot is free.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.free() > 0
    }

    /// Whether nobody waits and nobody runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.places.is_empty() && self.running.is_empty() && self.windows.is_empty()
    }

    /// Jain's index of what the flows of a tier got in the last ten seconds (atp.md 18.2).
    #[must_use]
    pub fn fairness(&self, tier: Tier, now: Millis) -> f64 {
        self.queues[tier.index()].fairness(now)
    }

    /// When [`Self::tick`] is due; a time that has passed means at once.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.free() > 0 && self.queues.iter().any(|queue| queue.ready_items() > 0) {
            return Some(Millis::default());
        }
        let timeouts = self
            .queues
            .iter()
            .filter_map(|queue| queue.next_timeout().map(|(at, _)| at));
        timeouts.chain(self.shortage.next_deadline(&self.settings)).min()
    }

    /// Whether bronze that comes in is refused, as while a tier's waits are past the high watermark (atp.md 16.5). What
    /// waits stays.
    pub fn shed_bronze(&mut self, sheds: bool) {
        self.sheds_bronze = sheds;
    }

    /// An item is done, or no longer wanted: its slot or its place in the queue is free. Unknown ids change nothing.
    pub fn release(&mut self, now: Millis, id: &RequestId) -> Vec<Event> {
        let mut events = Vec::new();
        match self.places.remove(id) {
            None => return events,
            Some(Place::Waiting(tier, order)) => {
                self.forget(now, tier, order);
            }
            Some(Place::Running(number)) => {
                let Some(ended) = self.running.remove(&number) else {
                    return events;
                };
                self.running_by_tier[ended.tier.index()] -= 1;
                self.windows.end(&ended.flow, ended.cost);
                self.refresh(&ended.flow);
                if ended.is_leaving {
                    self.leaving -= 1;
                    // it made room for gold, whoever else has a turn
                    self.grant_from(now, Tier::Gold.index(), &mut events);
                }
            }
        }
        self.fill(now, &mut events);
        self.watch(now);
        events
    }

    /// Replaces a session's window while it waits or runs.
    pub fn set_window(
        &mut self,
        now: Millis,
        tenant: &TenantId,
        session: &SessionId,
        window: Option<Window>,
    ) -> Vec<Event> {
        let flow = FlowId {
            tenant: tenant.clone(),
            session: session.clone(),
        };
        self.windows.set(&flow, window);
        self.refresh(&flow);
        let mut events = Vec::new();
        self.fill(now, &mut events);
        self.watch(now);
        events
    }

    /// Changes how many calls may run; those that run go on.
    pub fn set_slots(&mut self, now: Millis, slots: usize) -> Vec<Event> {
        self.settings.slots = slots;
        let mut events = Vec::new();
        self.fill(now, &mut events);
        self.watch(now);
        events
    }

    /// What is due: waits that took too long, grants, preemptions.
    pub fn tick(&mut self, now: Millis) -> Vec<Event> {
        let mut events = Vec::new();
        for tier in Tier::ALL {
            while let Some((until, order)) = self.queues[tier.index()].next_timeout()
                && until <= now
            {
                let Some(waiting) = self.forget(now, tier, order) else {
                    break;
                };
                self.places.remove(&waiting.item.id);
                events.push(Event::TimedOut {
                    id: waiting.item.id,
                    tier,
                    waited_ms: now.since(waiting.since),
                });
            }
        }
        self.fill(now, &mut events);
        self.watch(now);
        self.preempt(now, &mut events);
        events
    }

    fn free(&self) -> usize {
        self.settings.slots.saturating_sub(self.running.len())
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Gives a slot to an item whose wait is counted in the windows.
    fn start(&mut self, now: Millis, item: Item) {
        let flow = item.flow();
        self.windows.start(&flow, item.cost);
        let number = self.next_number();
        self.places.insert(item.id.clone(), Place::Running(number));
        self.running_by_tier[item.tier.index()] += 1;
        self.running.insert(
            number,
            Running {
                id: item.id,
                tier: item.tier,
                flow,
                cost: item.cost,
                started: now,
                deadline: item.deadline,
                is_preemptible: item.is_preemptible,
                is_leaving: false,
            },
        );
    }

    /// Takes an item out of its queue unserved.
    fn forget(&mut self, now: Millis, tier: Tier, order: u64) -> Option<Waiting> {
        let waiting = self.queues[tier.index()].remove(now, order)?;
        let flow = waiting.item.flow();
        self.windows.leave(&flow);
        self.refresh(&flow);
        Some(waiting)
    }

    /// A session's window counts in every tier.
    fn refresh(&mut self, flow: &FlowId) {
        for queue in &mut self.queues {
            queue.refresh(flow, &self.windows);
        }
    }

    fn fill(&mut self, now: Millis, events: &mut Vec<Event>) {
        while self.free() > 0 {
            let picks = std::array::from_fn(|tier| self.queues[tier].pick(now));
            let Some(tier) = self.next_tier(&picks) else {
                return;
            };
            self.grant_from(now, tier, events);
        }
    }

    /// A tier below its reserved slots, else whose turn it is.
    fn next_tier(&mut self, picks: &[Option<Pick>; 3]) -> Option<usize> {
        let work = |tier: usize| picks[tier].as_ref().map(|pick| pick.work);
        let reserved = (0..3).find(|&tier| {
            let own = (self.settings.tiers[tier].reserved * self.settings.slots as f64) as usize;
            picks[tier].is_some() && self.running_by_tier[tier] < own
        });
        match reserved {
            Some(tier) => {
                self.wheel.pay(tier, work(tier)?);
                Some(tier)
            }
            None => self.wheel.next([work(0), work(1), work(2)]),
        }
    }

    fn grant_from(&mut self, now: Millis, tier: usize, events: &mut Vec<Event>) {
        if self.free() == 0 {
            return;
        }
        let Some(pick) = self.queues[tier].pick(now) else {
            return;
        };
        let Some(waiting) = self.queues[tier].take(now, &pick) else {
            return;
        };
        let flow = waiting.item.flow();
        events.push(Event::Granted(Grant {
            id: waiting.item.id.clone(),
            tier: waiting.item.tier,
            waited_ms: now.since(waiting.since),
            was_fast: false,
            was_starved: pick.is_starved,
        }));
        self.start(now, waiting.item);
        self.refresh(&flow);
    }
}
