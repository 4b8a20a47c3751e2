//! What home said.

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::due::is_short;
use super::state::{Desk, Place, Stage};
use super::waiting::Waiting;
use super::{Record, Spender, Ticket};
use crate::budget::home::{Acknowledged, Grant, Granted, HomeRefusal};
use crate::budget::{Component, HoldId, Refusal};

/// Part of a lease's time that is not used, for clocks that run at different speeds, as a divisor.
const MARGIN: u64 = 10;

impl Spender {
    /// What is to be appended and applied before an answer about a lease is gone by with [`Self::on_grant`] or
    /// [`Self::on_statement`]. `None` for one that says nothing new.
    #[must_use]
    pub fn learned(&self, lease: &HoldId, answer: &Acknowledged) -> Option<Record> {
        let account = self.by_lease.get(lease)?.clone();
        match answer {
            Acknowledged::Ended => Some(Record::Closed { account }),
            Acknowledged::Live(granted) => {
                let lease = self.accounts.get(&account)?.lease.as_ref()?;
                let state = granted.state;
                lease.is_news(state).then_some(Record::Known { account, state })
            }
        }
    }

    /// What came of a grant that was asked for at `asked_at`. What it says of the lease was applied before.
    pub fn on_grant(
        &mut self,
        (now, unix): (Millis, UnixMillis),
        asked_at: Millis,
        grant: &Grant,
        answer: Result<Granted, HomeRefusal>,
    ) {
        let (pause_ms, retry_ms) = (self.settings.pause_ms, self.settings.retry_ms);
        let Some(place) = self.place_of(&grant.lease) else {
            return;
        };
        let is_current = |ask: &mut super::state::Ask| ask.grant.number == grant.number;
        match answer {
            Ok(granted) => {
                let pause_until = now.plus(pause_ms);
                place.desk.renewed(asked_at, &granted);
                place.desk.stage = Stage::Together;
                if place.desk.ask.take_if(is_current).is_some() {
                    place.pause_if_still_short(unix, pause_until);
                }
                self.give_back_too(&grant.lease);
            }
            Err(HomeRefusal::Unavailable(_) | HomeRefusal::Unknown(_)) => {
                let again_at = now.plus(retry_ms);
                if let Some(ask) = place
                    .desk
                    .ask
                    .as_mut()
                    .filter(|ask| ask.grant.number == grant.number)
                {
                    ask.again_at = Some(again_at);
                }
            }
            Err(HomeRefusal::Ended) => {
                place.desk.ask.take_if(is_current);
            }
            Err(HomeRefusal::Refused { refusal, root }) => {
                let Some(ask) = place.desk.ask.take_if(is_current) else {
                    return;
                };
                place.desk.root = root.or(place.desk.root.take());
                self.on_refused(now, &grant.account, ask.is_for, &refusal);
            }
        }
    }

    fn on_refused(&mut self, now: Millis, account: &AccountId, is_for: Option<Ticket>, refusal: &Refusal) {
        let Some(place) = self.accounts.get_mut(account) else {
            return;
        };
        let desk = &mut place.desk;
        if desk.waiting.is_empty() {
            desk.pause_until = now.plus(self.settings.pause_ms);
            return;
        }
        match refusal.component() {
            // Nobody gets anything of this account.
            None => {
                let all = desk.waiting.drain(..);
                self.away
                    .extend(all.map(|waiting| (waiting.ticket, refused(refusal.clone(), &desk.root))));
            }
            Some(component) => {
                let (root, was_gathered) = (desk.root.clone(), desk.stage == Stage::Alone);
                let is_all_here = was_gathered || self.gather(&root);
                let Some(place) = self.accounts.get_mut(account) else {
                    return;
                };
                let desk = &mut place.desk;
                let is_of_first =
                    is_for.is_some() && is_for == desk.waiting.front().map(|first| first.ticket);
                match (is_of_first && is_all_here, is_all_here) {
                    (true, _) => {
                        let away = desk.refuse(component, refusal);
                        self.away.extend(away);
                    }
                    (false, true) => desk.stage = Stage::Alone,
                    (false, false) => desk.stage = Stage::Gathering,
                }
            }
        }
    }

    /// Has everything of a tree given back that is free. Returns whether there was nothing.
    fn gather(&mut self, root: &Option<AccountId>) -> bool {
        let mut is_all_here = true;
        for place in self
            .accounts
            .values_mut()
            .filter(|place| place.desk.root == *root)
        {
            let Some(lease) = &place.lease else { continue };
            if lease.has_anything() || lease.sent.is_some() {
                is_all_here = false;
                place.desk.gives_back = lease.has_anything();
            }
        }
        is_all_here
    }

    /// What came of a statement made at `asked_at`; `None` when home did not answer. What it says of the lease was applied
    /// before.
    pub fn on_statement(
        &mut self,
        now: Millis,
        asked_at: Millis,
        lease: &HoldId,
        answer: Option<&Acknowledged>,
    ) {
        let state_at = now.plus(self.settings.retry_ms);
        let Some(place) = self.place_of(lease) else { return };
        place.desk.is_stating = false;
        match answer {
            None => place.desk.state_at = state_at,
            Some(Acknowledged::Live(granted)) => {
                place.desk.ends = false;
                place.desk.renewed(asked_at, granted);
            }
            Some(Acknowledged::Ended) => {}
        }
    }

    /// A hold was settled. Returns whether so many were that it is time to report.
    pub fn on_settled(&mut self, now: Millis, account: &AccountId) -> bool {
        let Some(place) = self.accounts.get_mut(account) else {
            return false;
        };
        let desk = &mut place.desk;
        desk.used_at = now;
        desk.unsaid += 1;
        desk.report_at
            .get_or_insert(now.plus(self.settings.settle_interval_ms));
        desk.unsaid >= self.settings.settle_count
    }
}

impl Place {
    /// Home gave less than was hoped for: it is left alone for a while.
    fn pause_if_still_short(&mut self, unix: UnixMillis, pause_until: Millis) {
        let demand = self.desk.demand.amount(unix);
        let lease = self.lease.as_ref();
        if lease.is_some_and(|lease| is_short(&lease.slice, demand)) {
            self.desk.pause_until = pause_until;
        }
    }
}

impl Desk {
    fn renewed(&mut self, asked_at: Millis, granted: &Granted) {
        let until = asked_at.plus(granted.ttl_ms - granted.ttl_ms / MARGIN);
        self.valid_until = self.valid_until.max(Some(until));
        self.renew_at = self.renew_at.max(asked_at.plus(granted.ttl_ms / 2));
        self.is_limited = granted.is_limited;
        self.root = Some(granted.root.clone());
    }

    /// The first that waits is refused, and with it everybody of whom the same can be said.
    fn refuse(&mut self, component: Component, refusal: &Refusal) -> Vec<(Ticket, HomeRefusal)> {
        let Some(first) = self.waiting.pop_front() else {
            return Vec::new();
        };
        let (most, most_calls) = (first.want.amount, first.want.calls());
        let mut away = vec![(first.ticket, refused(refusal.clone(), &self.root))];
        let said_of = |waiting: &Waiting| {
            let want = &waiting.want;
            let is_smaller = want.amount.fits(most) && want.calls() <= most_calls;
            is_smaller.then(|| of_another(refusal, wanted(component, want.calls(), want.amount)))?
        };
        let root = self.root.clone();
        self.waiting.retain(|waiting| match said_of(waiting) {
            Some(refusal) => {
                away.push((waiting.ticket, refused(refusal, &root)));
                false
            }
            None => true,
        });
        if self.waiting.is_empty() {
            self.stage = Stage::Together;
        }
        away
    }
}

fn refused(refusal: Refusal, root: &Option<AccountId>) -> HomeRefusal {
    HomeRefusal::Refused {
        refusal,
        root: root.clone(),
    }
}

const fn wanted(component: Component, calls: u32, amount: Amount) -> u64 {
    match component {
        Component::Parallel => calls as u64,
        Component::Tokens => amount.tokens,
        Component::Usd => amount.usd_micros,
    }
}

/// What is refused to somebody who wants that much of the component, no more of any, if the same reason holds.
fn of_another(refusal: &Refusal, theirs: u64) -> Option<Refusal> {
    let mut refusal = refusal.clone();
    match &mut refusal {
        Refusal::NoRoom {
            wanted, remaining, ..
        }
        | Refusal::NeverFits {
            wanted, remaining, ..
        } => {
            *wanted = theirs;
            (theirs > *remaining).then_some(refusal)
        }
        Refusal::UnknownAccount { .. }
        | Refusal::Reused { .. }
        | Refusal::Expired { .. }
        | Refusal::TooManyHolds { .. }
        | Refusal::NotLive(_) => None,
    }
}
