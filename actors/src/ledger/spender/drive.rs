//! Does what is due, and hears what home says.

use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Context, Handler};
use atp_protocol::error::{Code, Fault};
use atp_routing::budget::HoldId;
use atp_routing::budget::home::{Acknowledged, Grant, HomeRefusal, Statement};
use atp_routing::budget::spender::{Record, Ticket};

use super::Spender;
use super::messages::{GrantAnswered, StatementsAnswered};

/// How long home may take for an answer. One that comes later is asked for again, which does no harm.
const ANSWER: Duration = Duration::from_secs(2);

impl Spender {
    /// A turn as `routing::budget::spender` says.
    pub(super) fn drive(&mut self, context: &mut Context<Self>) {
        let now = self.world.now();
        let due = self.spender.records_due(now);
        if self.commit(&due).is_err() {
            self.spender.put_off(now, &due);
        }
        let reports = due
            .iter()
            .filter(|record| matches!(record, Record::Reported { .. }));
        self.world
            .meter
            .money
            .lease_reports
            .increment(reports.count() as u64);
        while let Some((ticket, record)) = self.spender.serve_next(now) {
            self.serve(ticket, record);
        }
        for (ticket, refusal) in self.spender.turn_away(now) {
            if let HomeRefusal::Refused { refusal, .. } = &refusal
                && let Some(component) = refusal.component()
            {
                self.world.meter.money.refused(component as usize);
            }
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Who does not wait any more needs no answer.
                let _ = waiting.reply.send(Err(fault(refusal)));
            }
        }
        for grant in self.spender.asks_due(now, self.world.clock.unix()) {
            self.ask(grant, context);
        }
        let statements = self.spender.statements_due(now);
        if !statements.is_empty() {
            self.state(statements, context);
        }
        for ticket in self.spender.flushed() {
            if let Some(reply) = self.flushes.remove(&ticket) {
                let _ = reply.send(self.spender.shares());
            }
        }
    }

    fn serve(&mut self, ticket: Ticket, record: Record) {
        let committed = self.commit(std::slice::from_ref(&record));
        let Some(waiting) = self.waiting.remove(&ticket) else {
            return;
        };
        let is_limited = self.spender.is_limited(&waiting.account);
        let is_held = committed.is_ok();
        let is_told = waiting.reply.send(committed.map(|()| is_limited)).is_ok();
        let Some(holder) = waiting.holder else { return };
        match (is_held, is_told) {
            (true, true) => {
                self.holders.insert(waiting.id, holder);
                self.world.meter.money.holds.increment(1);
            }
            (true, false) => {
                // Nobody is there to work under it.
                if let Ok(record) = self.spender.propose_release(&waiting.account, &waiting.id) {
                    let _ = self.conclude(record);
                }
            }
            (false, _) => {}
        }
    }

    fn ask(&self, grant: Grant, context: &Context<Self>) {
        let (asked_at, address) = (self.world.now(), context.address());
        let asking = self.home.grant(grant.clone());
        let meter = Arc::clone(&self.world.meter);
        tokio::task::spawn_local(async move {
            let silence = |_| Err(HomeRefusal::Unknown(format!("nothing within {ANSWER:?}")));
            let answer = tokio::time::timeout(ANSWER, asking).await.unwrap_or_else(silence);
            meter.money.granted(&answer);
            address.do_send(GrantAnswered {
                asked_at,
                grant,
                answer,
            });
        });
    }

    fn state(&self, statements: Vec<Statement>, context: &Context<Self>) {
        let (asked_at, address) = (self.world.now(), context.address());
        let leases: Vec<_> = statements.iter().map(|said| said.lease.clone()).collect();
        let stating = self.home.state(statements);
        tokio::task::spawn_local(async move {
            let mut said = tokio::time::timeout(ANSWER, stating).await.unwrap_or_default();
            said.sort_by(|one, other| one.0.cmp(&other.0));
            let answer_for = |lease: &HoldId| {
                let at = said.binary_search_by(|(of, _)| of.cmp(lease)).ok()?;
                Some(said[at].1.clone())
            };
            let answers = leases.into_iter().map(|lease| {
                let answer = answer_for(&lease);
                (lease, answer)
            });
            address.do_send(StatementsAnswered {
                asked_at,
                answers: answers.collect(),
            });
        });
    }
}

impl Handler<GrantAnswered> for Spender {
    type Result = ();

    fn handle(&mut self, heard: GrantAnswered, context: &mut Context<Self>) {
        let GrantAnswered {
            asked_at,
            grant,
            mut answer,
        } = heard;
        let said = match &answer {
            Ok(granted) => Some(Acknowledged::Live(granted.clone())),
            Err(HomeRefusal::Ended) => Some(Acknowledged::Ended),
            Err(HomeRefusal::Refused { .. } | HomeRefusal::Unavailable(_) | HomeRefusal::Unknown(_)) => None,
        };
        let learned = said.and_then(|said| self.spender.learned(&grant.lease, &said));
        if let Some(record) = learned
            && let Err(fault) = self.commit(&[record])
        {
            // What could not be written down was not heard.
            answer = Err(HomeRefusal::Unknown(fault.detail.into_owned()));
        }
        let now = (self.world.now(), self.world.clock.unix());
        self.spender.on_grant(now, asked_at, &grant, answer);
        self.drive(context);
    }
}

impl Handler<StatementsAnswered> for Spender {
    type Result = ();

    fn handle(&mut self, heard: StatementsAnswered, context: &mut Context<Self>) {
        let now = self.world.now();
        let learned = heard
            .answers
            .iter()
            .filter_map(|(lease, said)| self.spender.learned(lease, said.as_ref()?));
        let learned: Vec<Record> = learned.collect();
        let is_kept = self.commit(&learned).is_ok();
        for (lease, said) in &heard.answers {
            let said = said.as_ref().filter(|_| is_kept);
            self.spender.on_statement(now, heard.asked_at, lease, said);
        }
        self.drive(context);
    }
}

/// What whoever asked is told.
pub(super) fn fault(refusal: HomeRefusal) -> Fault {
    match refusal {
        HomeRefusal::Refused { refusal, .. } => refusal.into(),
        HomeRefusal::Ended | HomeRefusal::Unavailable(_) | HomeRefusal::Unknown(_) => {
            Fault::new(Code::Internal, refusal.to_string())
        }
    }
}
