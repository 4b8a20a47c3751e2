//! What sessions ask.

use std::sync::Weak;

use actix::{Context, Handler, MessageResult};
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::Fault;
use atp_protocol::units::Amount;
use atp_routing::budget::spender::{NotTaken, Want};
use tokio::sync::oneshot;
use tracing::error;

use super::Spender;
use super::actor::Waiting;
use super::drive::fault;
use super::messages::{Asked, Checkpoint, Close, Extend, Flush, Hold, Release, Resume, Settle};

impl Spender {
    /// Takes or tops up a hold at once where the lease covers it.
    fn want(
        &mut self,
        want: Want,
        holder: Option<Weak<()>>,
        context: &mut Context<Self>,
    ) -> Asked<Result<bool, Fault>> {
        let (now, unix) = (self.world.now(), self.world.clock.unix());
        let record = match self.spender.propose(now, unix, &want) {
            Ok(record) => record,
            Err(NotTaken::Refused(refusal)) => return Asked::Now(Err(refusal.into())),
            Err(NotTaken::Wait) => return self.wait(want, holder, context),
        };
        if let Err(fault) = self.commit(&[record]) {
            return Asked::Now(Err(fault));
        }
        let is_short = self.spender.on_taken(now, unix, &want.account, want.amount);
        let is_limited = self.spender.is_limited(&want.account);
        if let Some(holder) = holder {
            self.holders.insert(want.id, holder);
            self.world.meter.money.holds.increment(1);
        }
        if is_short {
            self.drive(context);
        }
        Asked::Now(Ok(is_limited))
    }

    fn wait(
        &mut self,
        want: Want,
        holder: Option<Weak<()>>,
        context: &mut Context<Self>,
    ) -> Asked<Result<bool, Fault>> {
        let (account, id) = (want.account.clone(), want.id.clone());
        let (now, unix) = (self.world.now(), self.world.clock.unix());
        let ticket = match self.spender.wait(now, unix, want) {
            Ok(ticket) => ticket,
            Err(refusal) => return Asked::Now(Err(fault(refusal))),
        };
        let (reply, answer) = oneshot::channel();
        self.waiting.insert(
            ticket,
            Waiting {
                account,
                id,
                holder,
                reply,
            },
        );
        self.world.meter.money.lease_waits.increment(1);
        self.drive(context);
        Asked::Later(answer)
    }
}

impl Handler<Hold> for Spender {
    type Result = MessageResult<Hold>;

    fn handle(&mut self, ask: Hold, context: &mut Context<Self>) -> Self::Result {
        let want = Want {
            account: ask.account,
            id: ask.id,
            amount: ask.amount,
            expires_at: self.expires_at(),
            tops_up: false,
        };
        MessageResult(self.want(want, Some(ask.holder), context))
    }
}

impl Handler<Extend> for Spender {
    type Result = MessageResult<Extend>;

    fn handle(&mut self, ask: Extend, context: &mut Context<Self>) -> Self::Result {
        let want = Want {
            account: ask.account,
            id: ask.id,
            amount: ask.by,
            expires_at: self.expires_at(),
            tops_up: true,
        };
        MessageResult(self.want(want, None, context))
    }
}

impl Handler<Settle> for Spender {
    type Result = Result<(), Fault>;

    fn handle(&mut self, ask: Settle, context: &mut Context<Self>) -> Self::Result {
        self.holders.remove(&ask.id);
        let held = self.spender.hold(&ask.account, &ask.id).map(|hold| hold.amount);
        let (actual, unknown) = match (ask.source, ask.unknown, held) {
            // Nobody knows anything: the whole hold.
            (UsageSource::Unknown, Amount::ZERO, Some(held)) => (held, held),
            _ => (ask.actual, ask.unknown),
        };
        let proposed = self
            .spender
            .propose_settle(&ask.account, &ask.id, actual, unknown);
        let Ok(record) = proposed else {
            error!(id = %ask.id, "a hold was gone before it was settled; report this as a defect");
            self.world.meter.money.lost_settlements.increment(1);
            return Ok(());
        };
        self.conclude(record)?;
        self.world.meter.money.settled(ask.source);
        if self.spender.on_settled(self.world.now(), &ask.account) {
            self.drive(context);
        }
        Ok(())
    }
}

impl Handler<Release> for Spender {
    type Result = Result<(), Fault>;

    fn handle(&mut self, ask: Release, _: &mut Context<Self>) -> Self::Result {
        self.holders.remove(&ask.id);
        match self.spender.propose_release(&ask.account, &ask.id) {
            Ok(record) => self.conclude(record),
            Err(_) => Ok(()),
        }
    }
}

impl Handler<Flush> for Spender {
    type Result = MessageResult<Flush>;

    fn handle(&mut self, ask: Flush, context: &mut Context<Self>) -> Self::Result {
        let (reply, done) = oneshot::channel();
        let ticket = self.spender.flush(self.world.now(), ask.reach);
        self.flushes.insert(ticket, reply);
        self.drive(context);
        // Nothing can be reported before there is space: whoever asks for it is told at once.
        if self.kept.is_full() && self.flushes.remove(&ticket).is_some() {
            self.spender.forget_flush(ticket);
        }
        MessageResult(done)
    }
}

impl Handler<Resume> for Spender {
    type Result = ();

    fn handle(&mut self, _: Resume, context: &mut Context<Self>) {
        self.spender.resume();
        self.drive(context);
    }
}

impl Handler<Close> for Spender {
    type Result = ();

    fn handle(&mut self, _: Close, context: &mut Context<Self>) {
        self.spender.close();
        self.drive(context);
    }
}

impl Handler<Checkpoint> for Spender {
    type Result = Result<(), Fault>;

    fn handle(&mut self, _: Checkpoint, _: &mut Context<Self>) -> Self::Result {
        self.checkpoint()
    }
}
