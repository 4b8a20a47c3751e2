//! The scheduler: slots, and who has them.

use std::collections::BTreeMap;

use atp_protocol::ids::{RequestId, SessionId, TenantId};
use atp_protocol::units::{Amount, Millis, Tier, Window};

use super::item::FlowId;
use super::preempt::{Active, FINAL_MS, Shortage, pick_victims};
use super::tier::{Pick, TierQueue, Waiting};
use super::wheel::Wheel;
use super::windows::Windows;
use super::{Admission, Event, Grant, Item, Refused, Settings};

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

    /// Notes whether gold waits for more slots than there are.
    fn watch(&mut self, now: Millis) {
        let is_short = self.queues[Tier::Gold.index()].ready_items() > self.free();
        self.shortage.observe(now, is_short);
    }

    fn preempt(&mut self, now: Millis, events: &mut Vec<Event>) {
        let Some((allowance, takes_silver)) =
            self.shortage.allowance(now, self.running.len(), &self.settings)
        else {
            return;
        };
        let wanted = self.queues[Tier::Gold.index()].ready_items();
        let needed = wanted.saturating_sub(self.free() + self.leaving).min(allowance);
        let may_leave = |running: &Running| {
            let is_nearly_done = running.deadline.is_some_and(|at| at.since(now) <= FINAL_MS);
            let is_spared = running.tier == Tier::Silver && !takes_silver;
            running.is_preemptible && !running.is_leaving && !is_nearly_done && !is_spared
        };
        let active = self
            .running
            .iter()
            .filter(|(_, running)| may_leave(running))
            .map(|(&id, running)| Active {
                id,
                tier: running.tier,
                started: running.started,
            });
        let victims = pick_victims(active, needed, self.settings.prefer_oldest);
        self.shortage.took(now, victims.len());
        self.leaving += victims.len();
        for victim in victims {
            if let Some(running) = self.running.get_mut(&victim.id) {
                running.is_leaving = true;
                events.push(Event::Preempt {
                    id: running.id.clone(),
                    tier: running.tier,
                });
            }
        }
    }
}
