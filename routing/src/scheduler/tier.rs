//! What waits in one tier: sessions within tenants, each first in, first out.

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::ids::{SessionId, TenantId};
use atp_protocol::units::Millis;

use super::item::{FlowId, Item, clamped_weight};
use super::jain::Shares;
use super::sfq::Sfq;
use super::starvation::{Boosts, Waits};
use super::windows::Windows;

/// An item in the queue.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) item: Item,
    pub(super) since: Millis,
    /// When the wait ends unserved.
    pub(super) until: Millis,
}

/// The item that goes next, if the tier has its turn.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    /// Its arrival.
    pub(super) order: u64,
    pub(super) work: f64,
    pub(super) is_starved: bool,
}

/// A session with something waiting.
#[derive(Debug, Clone, Default)]
struct Flow {
    /// Arrivals, the oldest first.
    queue: BTreeSet<u64>,
    /// Its head, if that is within the session's window.
    ready: Option<u64>,
    /// How many of the queue are counted in `ready_items`.
    counted: usize,
}

/// The queue of one tier.
#[derive(Debug, Clone)]
pub(super) struct TierQueue {
    /// By arrival.
    items: BTreeMap<u64, Waiting>,
    flows: BTreeMap<FlowId, Flow>,
    /// Heads that may go, by arrival.
    ready: BTreeMap<u64, FlowId>,
    ready_items: usize,
    timeouts: BTreeSet<(Millis, u64)>,
    tenants: Sfq<TenantId>,
    /// Of tenants with a session that may go.
    sessions: BTreeMap<TenantId, Sfq<SessionId>>,
    boosts: Boosts,
    waits: Waits,
    shares: Shares,
    idle_flows: usize,
}

impl TierQueue {
    pub(super) fn new(idle_flows: usize) -> Self {
        Self {
            items: BTreeMap::new(),
            flows: BTreeMap::new(),
            ready: BTreeMap::new(),
            ready_items: 0,
            timeouts: BTreeSet::new(),
            tenants: Sfq::new(idle_flows),
            sessions: BTreeMap::new(),
            boosts: Boosts::default(),
            waits: Waits::default(),
            shares: Shares::default(),
            idle_flows,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Items of sessions that are within their window.
    pub(super) fn ready_items(&self) -> usize {
        self.ready_items
    }

    pub(super) fn has_flow(&self, flow: &FlowId) -> bool {
        self.flows.contains_key(flow)
    }

    /// The first wait to end unserved.
    pub(super) fn next_timeout(&self) -> Option<(Millis, u64)> {
        self.timeouts.first().copied()
    }

    pub(super) fn fairness(&self, now: Millis) -> f64 {
        self.shares.index(now, self.flows.keys())
    }

    /// Queues an item. To be followed by [`Self::refresh`], as every change of a flow.
    pub(super) fn push(&mut self, order: u64, waiting: Waiting) {
        self.flows
            .entry(waiting.item.flow())
            .or_default()
            .queue
            .insert(order);
        self.timeouts.insert((waiting.until, order));
        self.items.insert(order, waiting);
    }

    /// Takes an item out of the queue.
    pub(super) fn remove(&mut self, now: Millis, order: u64) -> Option<Waiting> {
        let waiting = self.items.remove(&order)?;
        self.timeouts.remove(&(waiting.until, order));
        let flow = waiting.item.flow();
        self.shares.backlogged(now, &flow);
        if let Some(entry) = self.flows.get_mut(&flow) {
            entry.queue.remove(&order);
        }
        Some(waiting)
    }

    /// An item was granted without waiting: no share is charged, because nobody went without.
    pub(super) fn passed(&mut self, now: Millis, item: &Item) {
        self.waits.observe(0, false);
        self.shares
            .granted(now, &item.flow(), item.work() / clamped_weight(item.weight));
    }

    /// Whose turn it is: whoever starved, else by fair share.
    pub(super) fn pick(&self, now: Millis) -> Option<Pick> {
        let longest = self
            .ready
            .keys()
            .next()
            .and_then(|order| self.items.get_key_value(order));
        let starved = longest.filter(|(_, waiting)| self.waits.is_starved(now.since(waiting.since)));
        let (&order, waiting) = match starved {
            Some(found) => found,
            None => {
                let (tenant, _) = self.tenants.first()?;
                let (_, order) = self.sessions.get(tenant)?.first()?;
                self.items.get_key_value(&order)?
            }
        };
        Some(Pick {
            order,
            work: waiting.item.work(),
            is_starved: starved.is_some(),
        })
    }

    /// Takes the picked item out of the queue and charges its flow.
    pub(super) fn take(&mut self, now: Millis, pick: &Pick) -> Option<Waiting> {
        let waiting = self.remove(now, pick.order)?;
        let item = &waiting.item;
        let flow = item.flow();
        if pick.is_starved {
            self.boosts.boost(now, &flow);
        }
        let weight = self.boosts.weight(now, &flow, item.weight);
        if let Some(sessions) = self.sessions.get_mut(&item.tenant) {
            sessions.charge(&item.session, pick.work / weight, !pick.is_starved);
        }
        let tenant_share = pick.work / clamped_weight(item.tenant_weight);
        self.tenants.charge(&item.tenant, tenant_share, !pick.is_starved);
        self.waits.observe(now.since(waiting.since), pick.is_starved);
        self.shares
            .granted(now, &flow, pick.work / clamped_weight(item.weight));
        Some(waiting)
    }

    /// Brings the order of turns in line with a flow's queue and window.
    pub(super) fn refresh(&mut self, flow: &FlowId, windows: &Windows) {
        let Some(entry) = self.flows.get_mut(flow) else {
            return;
        };
        if let Some(before) = entry.ready.take() {
            self.ready.remove(&before);
        }
        self.ready_items -= std::mem::take(&mut entry.counted);
        let head = entry.queue.first().copied();
        let fits = |order: &u64| {
            self.items
                .get(order)
                .is_some_and(|waiting| windows.fits(flow, waiting.item.cost))
        };
        let head_ready = head.filter(fits);
        if let Some(order) = head_ready {
            entry.ready = Some(order);
            entry.counted = entry.queue.len();
            self.ready_items += entry.counted;
            self.ready.insert(order, flow.clone());
        }
        if head.is_none() {
            self.flows.remove(flow);
        }
        self.set_head(flow, head_ready);
    }

    fn set_head(&mut self, flow: &FlowId, head: Option<u64>) {
        let idle_flows = self.idle_flows;
        let sessions = self
            .sessions
            .entry(flow.tenant.clone())
            .or_insert_with(|| Sfq::new(idle_flows));
        sessions.set_head(&flow.session, head);
        let first = sessions.first().map(|(_, order)| order);
        if sessions.is_empty() {
            self.sessions.remove(&flow.tenant);
        }
        self.tenants.set_head(&flow.tenant, first);
    }
}
