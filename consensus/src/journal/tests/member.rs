//! A member that spends: what a node's shell around a [`Spender`] does, with a journal in memory.

use atp_protocol::units::{Millis, UnixMillis};
use atp_routing::budget::home::{Acknowledged, Granted, HomeRefusal};
use atp_routing::budget::spender::{NotTaken, Record as Spent, Settings, Spender, Want};

use super::*;
use crate::harness::BEGINNING_US;

/// What goes home, with when it was said on the member's clock.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Grant(Millis, Grant),
    State(Millis, Statement),
}

/// What comes back.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Grant(Millis, Grant, Result<Granted, HomeRefusal>),
    State(Millis, HoldId, Option<Acknowledged>),
}

impl Call {
    /// What a member makes of no answer.
    pub(super) fn silence(&self) -> Answer {
        match self {
            Self::Grant(at, grant) => {
                let unknown = HomeRefusal::Unknown("silence".to_owned());
                Answer::Grant(*at, grant.clone(), Err(unknown))
            }
            Self::State(at, said) => Answer::State(*at, said.lease.clone(), None),
        }
    }
}

pub(super) struct Member {
    pub(super) number: u16,
    /// Which life: answers to an earlier one are not heard.
    pub(super) life: u32,
    spender: Spender,
    journal: Vec<Spent>,
    now: Millis,
    holds: Vec<Want>,
    /// All that its calls used, or were taken to have used.
    pub(super) used: Amount,
}

impl Member {
    pub(super) fn new(number: u16) -> Self {
        Self {
            number,
            life: 1,
            spender: Spender::new(Settings::default(), format!("n{number}.1")),
            journal: Vec::new(),
            now: Millis(1_000),
            holds: Vec::new(),
            used: Amount::ZERO,
        }
    }

    fn unix(&self) -> UnixMillis {
        UnixMillis(BEGINNING_US / 1_000 + self.now.0)
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }

    fn commit(&mut self, record: Spent) {
        if let Spent::Settled { actual, .. } = &record {
            self.used = self.used.plus(*actual);
        }
        assert!(self.spender.apply(&record), "{record:?}");
        self.journal.push(record);
    }

    /// Ends without a word and begins again with what its journal has: what ran is charged whole.
    pub(super) fn crash(&mut self) {
        self.life += 1;
        self.spender = Spender::new(Settings::default(), format!("n{}.{}", self.number, self.life));
        for record in &self.journal {
            self.spender.apply(record);
        }
        self.journal = self.spender.snapshot();
        self.holds.clear();
        for record in self
            .spender
            .propose_expired(UnixMillis(u64::MAX), usize::MAX, |_| None)
        {
            self.commit(record);
        }
    }

    /// Takes a hold if there is enough for it; asks home for more if not.
    pub(super) fn take(&mut self, account: &str, id: u32, amount: Amount) -> Vec<Call> {
        let want = Want {
            account: account_id(account),
            id: hold_id(&format!("r{id}")),
            amount,
            expires_at: UnixMillis(self.unix().0 + 60_000),
            tops_up: false,
        };
        match self.spender.propose(self.now, self.unix(), &want) {
            Ok(record) => {
                self.commit(record);
                self.spender
                    .on_taken(self.now, self.unix(), &want.account, amount);
                self.holds.push(want);
            }
            Err(NotTaken::Wait) => {
                // Its hold, if it gets one, lives until the next crash: served requests are not told from each other here.
                let waits = self.spender.wait(self.now, self.unix(), want);
                drop(waits);
            }
            Err(NotTaken::Refused(_)) => {}
        }
        self.drive()
    }

    /// Ends the oldest call, which used so much of its hold.
    pub(super) fn settle(&mut self, percent: u64) -> Vec<Call> {
        if self.holds.is_empty() {
            return Vec::new();
        }
        let Want {
            account, id, amount, ..
        } = self.holds.remove(0);
        let actual = Amount {
            tokens: amount.tokens * percent / 100,
            usd_micros: amount.usd_micros * percent / 100,
        };
        if let Ok(record) = self.spender.propose_settle(&account, &id, actual, Amount::ZERO) {
            self.commit(record);
            self.spender.on_settled(self.now, &account);
        }
        self.drive()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.holds.is_empty()
    }

    pub(super) fn drive(&mut self) -> Vec<Call> {
        for record in self.spender.records_due(self.now) {
            self.commit(record);
        }
        while let Some((_, record)) = self.spender.serve_next(self.now) {
            if let Spent::Held {
                account,
                id,
                amount,
                expires_at,
            } = &record
            {
                self.holds.push(Want {
                    account: account.clone(),
                    id: id.clone(),
                    amount: *amount,
                    expires_at: *expires_at,
                    tops_up: false,
                });
            }
            self.commit(record);
        }
        self.spender.turn_away(self.now);
        let asks = self.spender.asks_due(self.now, self.unix());
        let statements = self.spender.statements_due(self.now);
        let asks = asks.into_iter().map(|grant| Call::Grant(self.now, grant));
        asks.chain(statements.into_iter().map(|said| Call::State(self.now, said)))
            .collect()
    }

    pub(super) fn hear(&mut self, answer: Answer) -> Vec<Call> {
        let (lease, said) = match &answer {
            Answer::Grant(_, grant, Ok(granted)) => (&grant.lease, Some(Acknowledged::Live(granted.clone()))),
            Answer::Grant(_, grant, Err(HomeRefusal::Ended)) => (&grant.lease, Some(Acknowledged::Ended)),
            Answer::Grant(_, grant, Err(_)) => (&grant.lease, None),
            Answer::State(_, lease, said) => (lease, said.clone()),
        };
        let learned = said.and_then(|said| self.spender.learned(lease, &said));
        learned.into_iter().for_each(|record| self.commit(record));
        match answer {
            Answer::Grant(at, grant, answer) => {
                self.spender.on_grant((self.now, self.unix()), at, &grant, answer);
            }
            Answer::State(at, lease, answer) => {
                self.spender.on_statement(self.now, at, &lease, answer.as_ref());
            }
        }
        self.drive()
    }
}
