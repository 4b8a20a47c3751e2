//! What the shell around a spender does, with a journal in memory.

use std::collections::BTreeMap;

use super::*;
use crate::budget::spender::{NotTaken, Record as Spent, Spender, Ticket};

/// What goes home, with when it was asked on the node's clock.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Grant(Millis, Grant),
    State(Millis, Statement),
}

/// What comes back.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Grant(Millis, Grant, Result<Granted, HomeRefusal>),
    State(Millis, HoldId, Option<Acknowledged>),
}

pub(super) struct Node {
    pub(super) spender: Spender,
    pub(super) journal: Vec<Spent>,
    pub(super) now: Millis,
    pub(super) unix: UnixMillis,
    pub(super) waiting: BTreeMap<Ticket, Want>,
    /// Who got what, in order.
    pub(super) served: Vec<Want>,
    pub(super) refused: Vec<(Want, HomeRefusal)>,
}

impl Node {
    pub(super) fn new(prefix: &str, settings: Settings) -> Self {
        Self {
            spender: Spender::new(settings, prefix.to_owned()),
            journal: Vec::new(),
            now: Millis(1_000),
            unix: UnixMillis(1_000_000),
            waiting: BTreeMap::new(),
            served: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Ends without a word and begins again with what the journal has.
    pub(super) fn crash(&mut self, prefix: &str, settings: Settings) {
        let journal = std::mem::take(&mut self.journal);
        let waiting = std::mem::take(&mut self.waiting);
        assert!(waiting.len() < 10_000);
        *self = Self {
            now: Millis(1_000),
            unix: self.unix,
            ..Self::new(prefix, settings)
        };
        for record in &journal {
            self.spender.apply(record);
        }
        self.journal = self.spender.snapshot();
    }

    pub(super) fn commit(&mut self, record: Spent) {
        let bytes = {
            let mut bytes = Vec::new();
            record.encode_into(&mut bytes);
            bytes
        };
        assert_eq!(Spent::decode(&bytes).unwrap(), record);
        assert!(self.spender.apply(&record), "{record:?}");
        self.journal.push(record);
    }

    /// Asks for a hold. Returns what goes home.
    pub(super) fn ask(&mut self, want: Want) -> Vec<Message> {
        match self.spender.propose(self.now, self.unix, &want) {
            Ok(record) => {
                self.commit(record);
                let is_short = self
                    .spender
                    .on_taken(self.now, self.unix, &want.account, want.amount);
                self.served.push(want);
                match is_short {
                    true => self.drive(),
                    false => Vec::new(),
                }
            }
            Err(NotTaken::Refused(refusal)) => {
                self.refused
                    .push((want, HomeRefusal::Refused { refusal, root: None }));
                Vec::new()
            }
            Err(NotTaken::Wait) => {
                match self.spender.wait(self.now, self.unix, want.clone()) {
                    Ok(ticket) => {
                        self.waiting.insert(ticket, want);
                    }
                    Err(refusal) => self.refused.push((want, refusal)),
                }
                self.drive()
            }
        }
    }

    pub(super) fn settle(&mut self, want: &Want, actual: Amount) -> bool {
        let proposed = self
            .spender
            .propose_settle(&want.account, &want.id, actual, Amount::ZERO);
        let Ok(record) = proposed else { return false };
        self.commit(record);
        self.spender.on_settled(self.now, &want.account);
        true
    }

    pub(super) fn drive(&mut self) -> Vec<Message> {
        for record in self.spender.records_due(self.now) {
            self.commit(record);
        }
        while let Some((ticket, record)) = self.spender.serve_next(self.now) {
            self.commit(record);
            let want = self.waiting.remove(&ticket).unwrap();
            self.served.push(want);
        }
        for (ticket, refusal) in self.spender.turn_away(self.now) {
            let want = self.waiting.remove(&ticket).unwrap();
            self.refused.push((want, refusal));
        }
        let asks = self.spender.asks_due(self.now, self.unix);
        let statements = self.spender.statements_due(self.now);
        let asks = asks.into_iter().map(|grant| Message::Grant(self.now, grant));
        let said = statements.into_iter().map(|said| Message::State(self.now, said));
        asks.chain(said).collect()
    }

    pub(super) fn hear(&mut self, answer: Answer) -> Vec<Message> {
        match answer {
            Answer::Grant(asked_at, grant, answer) => {
                let said = match &answer {
                    Ok(granted) => Some(Acknowledged::Live(granted.clone())),
                    Err(HomeRefusal::Ended) => Some(Acknowledged::Ended),
                    Err(_) => None,
                };
                let learned = said.and_then(|said| self.spender.learned(&grant.lease, &said));
                learned.into_iter().for_each(|record| self.commit(record));
                self.spender
                    .on_grant((self.now, self.unix), asked_at, &grant, answer);
            }
            Answer::State(asked_at, lease, answer) => {
                let learned = answer
                    .as_ref()
                    .and_then(|said| self.spender.learned(&lease, said));
                learned.into_iter().for_each(|record| self.commit(record));
                self.spender
                    .on_statement(self.now, asked_at, &lease, answer.as_ref());
            }
        }
        self.drive()
    }

    /// Everything is delivered and answered at once, until there is nothing more to say.
    pub(super) fn talk(&mut self, home: &mut Home, mut messages: Vec<Message>) -> usize {
        let mut said = 0;
        while let Some(message) = messages.pop() {
            said += 1;
            assert!(said < 10_000, "they never stop: {message:?}");
            let answer = super::node::answer(home, &message);
            messages.extend(self.hear(answer));
        }
        said
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        self.unix = UnixMillis(self.unix.0 + ms);
    }
}

/// What home says.
pub(super) fn answer(home: &mut Home, message: &Message) -> Answer {
    match message {
        Message::Grant(at, grant) => Answer::Grant(*at, grant.clone(), home.grant(grant)),
        Message::State(at, said) => Answer::State(*at, said.lease.clone(), Some(home.state(said))),
    }
}

/// What a node makes of no answer.
pub(super) fn silence(message: &Message) -> Answer {
    match message {
        Message::Grant(at, grant) => Answer::Grant(
            *at,
            grant.clone(),
            Err(HomeRefusal::Unknown("silence".to_owned())),
        ),
        Message::State(at, said) => Answer::State(*at, said.lease.clone(), None),
    }
}
