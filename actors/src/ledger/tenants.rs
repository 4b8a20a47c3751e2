//! What tenants have left and how fast they spend, as gauges.
//!
//! Read off the balances once a second, so that holds and settlements pay nothing for it. A tenant is a root account. The
//! first [`LABELS_MAX`] have series of their own; the others are summed up as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::budget::{Balance, BurnRate, Limits};

use crate::metrics::{LABELS_MAX, Money, TenantSeries};

/// The tenants that have series; `None` stands for all others.
#[derive(Default)]
pub struct Tenants(BTreeMap<Option<AccountId>, Tenant>);

/// A tenant's own account at this moment.
#[derive(Debug, Clone)]
pub struct Root {
    /// Its name.
    pub id: AccountId,
    /// Its limits.
    pub limits: Limits,
    /// What it and those below it spent and hold.
    pub balance: Balance,
}

struct Tenant {
    series: Arc<TenantSeries>,
    burn: BurnRate,
    seen: Spent,
}

/// Sums since the ledger began.
#[derive(Default, Clone, Copy)]
struct Spent {
    settled_usd_micros: u64,
    overrun_usd_micros: u64,
}

/// What the accounts of one series come to at this moment.
#[derive(Default)]
struct Sums {
    spent: Spent,
    tokens: Option<u64>,
    usd_micros: Option<u64>,
}

impl Sums {
    fn add(&mut self, root: &Root) {
        let (balance, limits) = (root.balance, root.limits);
        let room = limits.amount().minus(balance.settled).minus(balance.held);
        self.spent.settled_usd_micros += balance.settled.usd_micros;
        self.spent.overrun_usd_micros += balance.overrun.usd_micros;
        let sum = |sum: &mut Option<u64>, left: u64| *sum = Some(sum.unwrap_or(0).saturating_add(left));
        let Amount { tokens, usd_micros } = room;
        if limits.limit_tokens.is_some() {
            sum(&mut self.tokens, tokens);
        }
        if limits.limit_usd_micros.is_some() {
            sum(&mut self.usd_micros, usd_micros);
        }
    }
}

impl Tenants {
    /// What was spent before now is not counted again: a restart is no burst.
    pub fn begin(&mut self, money: &Money, roots: &[Root]) {
        for (name, sums) in self.sums(roots) {
            self.tenant(money, name).seen = sums.spent;
        }
    }

    /// Brings every series up to date. `roots`: all there are; one that was there before and is not is gone.
    pub fn publish(&mut self, money: &Money, roots: &[Root], now: UnixMillis) {
        self.forget_others(roots);
        for (name, sums) in self.sums(roots) {
            let tenant = self.tenant(money, name);
            let before = std::mem::replace(&mut tenant.seen, sums.spent);
            let since = |now: u64, before: u64| now.saturating_sub(before);
            let settled = since(sums.spent.settled_usd_micros, before.settled_usd_micros);
            let overrun = since(sums.spent.overrun_usd_micros, before.overrun_usd_micros);
            if settled > 0 {
                tenant.burn.record(now, settled);
            }
            tenant.series.overrun_usd_micros.increment(overrun);
            tenant.series.burn_rate.set(tenant.burn.usd_per_min(now));
            tenant.series.remaining(sums.tokens, sums.usd_micros);
        }
    }

    /// An account that is gone spends nothing any more. What it had left stays as it was told last.
    fn forget_others(&mut self, roots: &[Root]) {
        self.0.retain(|name, tenant| {
            let is_there = name
                .as_ref()
                .is_none_or(|name| roots.iter().any(|root| root.id == *name));
            if !is_there {
                tenant.series.burn_rate.set(0.0);
            }
            is_there
        });
    }

    fn sums(&self, roots: &[Root]) -> BTreeMap<Option<AccountId>, Sums> {
        let mut all: BTreeMap<Option<AccountId>, Sums> = BTreeMap::new();
        let mut room = LABELS_MAX.saturating_sub(self.0.keys().flatten().count());
        for root in roots {
            let own = Some(root.id.clone());
            let is_named = self.0.contains_key(&own) || room > 0;
            room -= usize::from(is_named && !self.0.contains_key(&own));
            all.entry(own.filter(|_| is_named)).or_default().add(root);
        }
        all
    }

    fn tenant(&mut self, money: &Money, name: Option<AccountId>) -> &mut Tenant {
        let series = name.as_ref().map_or("other", AccountId::as_str);
        let series = money.tenants.of(series);
        self.0.entry(name).or_insert_with(|| Tenant {
            series,
            burn: BurnRate::default(),
            seen: Spent::default(),
        })
    }
}
