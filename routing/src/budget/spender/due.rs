//! What is to be done at this moment.

use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::state::{Ask, Desk, Lease, Stage};
use super::waiting::Waiting;
use super::{Record, Spender, Ticket};
use crate::budget::home::{Grant, Statement};
use crate::budget::{HoldId, Report, Slice};

/// More is asked for by this many times what requests lack, where nothing is known of the demand yet.
const HEAD_START: u64 = 16;

impl Spender {
    /// Leases to be opened and reports to be made.
    pub fn records_due(&mut self, now: Millis) -> Vec<Record> {
        let mut records = Vec::new();
        for (account, place) in &mut self.accounts {
            let desk = &mut place.desk;
            match &place.lease {
                None if !desk.waiting.is_empty() => {
                    self.opened += 1;
                    let lease = format!("{}.{}", self.prefix, self.opened);
                    records.push(Record::Opened {
                        account: account.clone(),
                        lease: HoldId::new(&lease)
                            .expect("a prefix is short and of the characters of a name"),
                    });
                    *desk = Desk {
                        waiting: std::mem::take(&mut desk.waiting),
                        root: desk.root.take(),
                        demand: desk.demand,
                        used_at: now,
                        ..Desk::default()
                    };
                }
                None => {}
                Some(lease) => {
                    if let Some(report) = desk.report_due(now, lease, &self.settings, self.is_closing) {
                        records.push(Record::Reported {
                            account: account.clone(),
                            report,
                        });
                    }
                }
            }
        }
        records
    }

    /// Records that were due could not be appended: they are due again a little later.
    pub fn put_off(&mut self, now: Millis, records: &[Record]) {
        for record in records {
            if let Some(place) = self.accounts.get_mut(record.account()) {
                place.desk.report_at = Some(now.plus(self.settings.retry_ms));
            }
        }
    }

    /// What to ask home for; an answer, or that there was none, goes to [`Spender::on_grant`].
    pub fn asks_due(&mut self, now: Millis, unix: UnixMillis) -> Vec<Grant> {
        self.end_gathering();
        let mut asks = Vec::new();
        for (account, place) in &mut self.accounts {
            let (Some(lease), desk) = (&place.lease, &mut place.desk) else {
                continue;
            };
            if let Some(ask) = &mut desk.ask {
                if ask.again_at.is_some_and(|at| now >= at) {
                    ask.again_at = None;
                    asks.push(ask.grant.clone());
                }
                continue;
            }
            let is_quiet = self.is_closing || now < self.quiet_until;
            if is_quiet || desk.ends || desk.stage == Stage::Gathering {
                continue;
            }
            let demand = desk.demand.amount(unix);
            let is_idle = now.since(desk.used_at) >= self.settings.idle_ms;
            if is_idle && desk.waiting.is_empty() {
                continue;
            }
            let Some((lacking, calls, is_for)) = desk.lacking(now, &lease.slice, demand) else {
                continue;
            };
            desk.asks = desk.asks.max(lease.known.asks) + 1;
            let grant = Grant {
                lease: lease.id.clone(),
                account: account.clone(),
                number: desk.asks,
                lacking,
                calls,
                demand: demand.max(times(lacking, HEAD_START)),
            };
            desk.ask = Some(Ask {
                grant: grant.clone(),
                is_for,
                again_at: None,
            });
            asks.push(grant);
        }
        asks
    }

    /// What to say to home, all of it together; what comes of each goes to [`Spender::on_statement`].
    pub fn statements_due(&mut self, now: Millis) -> Vec<Statement> {
        let mut statements = Vec::new();
        for place in self.accounts.values_mut() {
            let (Some(lease), desk) = (&place.lease, &mut place.desk) else {
                continue;
            };
            if desk.is_stating || now < desk.state_at {
                continue;
            }
            let is_idle = self.is_closing || now.since(desk.used_at) >= self.settings.idle_ms;
            let is_free = desk.waiting.is_empty() && desk.ask.is_none() && lease.sent.is_none();
            desk.ends |= is_idle && is_free && lease.slice.is_empty();
            // One that was never answered for exists nowhere, or is renewed when it is.
            let is_begun = lease.known.asks > 0;
            let is_lapsing = is_begun && now >= desk.renew_at;
            if lease.sent.is_some() || desk.ends || is_lapsing {
                desk.is_stating = true;
                statements.push(Statement {
                    lease: lease.id.clone(),
                    report: lease.sent,
                    ends: desk.ends,
                });
            }
        }
        statements
    }

    /// Those for whom everything that was free has arrived at home are asked for once more.
    fn end_gathering(&mut self) {
        let roots: Vec<_> = self
            .accounts
            .values()
            .filter(|place| {
                let is_said = place.lease.as_ref().is_none_or(|lease| lease.sent.is_none());
                place.desk.gives_back || !is_said
            })
            .map(|place| place.desk.root.clone())
            .collect();
        for place in self.accounts.values_mut() {
            if place.desk.stage == Stage::Gathering && !roots.contains(&place.desk.root) {
                place.desk.stage = Stage::Alone;
            }
        }
    }
}

impl Desk {
    /// The next report, when it is time for one and the one before was taken.
    fn report_due(
        &mut self,
        now: Millis,
        lease: &Lease,
        settings: &super::Settings,
        is_closing: bool,
    ) -> Option<Report> {
        if lease.sent.is_some() || self.ends {
            return None;
        }
        let is_idle = now.since(self.used_at) >= settings.idle_ms && self.waiting.is_empty();
        let returns = self.gives_back || is_closing || is_idle;
        let is_due = self.report_at.is_some_and(|at| now >= at) || self.unsaid >= settings.settle_count;
        let slice = &lease.slice;
        let has_reason = match returns {
            true => lease.has_anything(),
            false => is_due && slice.has_spent(),
        };
        if returns || is_due {
            (self.report_at, self.unsaid, self.gives_back) = (None, 0, false);
        }
        let (amount, calls) = match returns {
            true => (slice.free(), slice.free_calls()),
            false => (Amount::ZERO, 0),
        };
        has_reason.then(|| slice.draft(amount, calls))
    }

    /// What is lacking at this moment, the calls that are, and whom a refusal is for. `None` when nothing is to be asked for.
    fn lacking(&self, now: Millis, slice: &Slice, demand: Amount) -> Option<(Amount, u32, Option<Ticket>)> {
        let Some(first) = self.waiting.front() else {
            let is_ahead = self.is_valid(now) && now >= self.pause_until;
            return (is_ahead && is_short(slice, demand)).then_some((Amount::ZERO, 0, None));
        };
        let whole = |waiting: &Waiting| (waiting.want.amount, waiting.want.calls());
        if self.stage == Stage::Alone {
            let (amount, calls) = whole(first);
            return Some((amount, calls, Some(first.ticket)));
        }
        let all = self.waiting.iter().map(whole);
        let all = all.fold((Amount::ZERO, 0_u32), |(amount, calls), (more, another)| {
            (amount.plus(more), calls.saturating_add(another))
        });
        let lacking = (
            all.0.minus(slice.free()),
            all.1.saturating_sub(slice.free_calls()),
        );
        let is_for = (lacking == whole(first)).then_some(first.ticket);
        (lacking != (Amount::ZERO, 0)).then_some((lacking.0, lacking.1, is_for))
    }
}

/// Whether what is free is less than half of what is expected to be used.
pub(super) const fn is_short(slice: &Slice, demand: Amount) -> bool {
    let free = slice.free();
    free.tokens < demand.tokens / 2 || free.usd_micros < demand.usd_micros / 2
}

const fn times(amount: Amount, factor: u64) -> Amount {
    Amount {
        tokens: amount.tokens.saturating_mul(factor),
        usd_micros: amount.usd_micros.saturating_mul(factor),
    }
}
