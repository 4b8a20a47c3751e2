//! Decides what is thought of one persona.
//!
//! Receives  `Turned` from sessions; its own tick
//! Sends     nothing; readers load [`Member::standing`](super::Member::standing)
//! When full `Turned` is dropped: an outcome is lost, no lane is
//! Ends      when no policy and no adapter names the persona any more; restarted without memory of what it had seen

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};
use atp_protocol::units::Millis;
use atp_routing::persona::{Judged, Record};
use metrics::Gauge;

use super::Member;
use crate::environment::World;

/// Outcomes waiting.
const MAILBOX: usize = 1_024;

/// How often the standing is published when it changed,
const TICK: Duration = Duration::from_secs(1);
/// and when it did not: lanes lose weight with age.
const REVIEW_MS: u64 = 600_000;

/// A lane of the persona turned out like this.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Turned(pub(super) Judged);

/// One persona.
pub(super) struct Persona {
    member: Arc<Member>,
    world: World,
    record: Record,
    is_changed: bool,
    published: Millis,
    /// Where its reputation is exported, once there is one.
    gauge: Option<Gauge>,
}

impl Persona {
    pub(super) fn new(member: Arc<Member>, world: World) -> Self {
        Self {
            member,
            published: world.now(),
            world,
            record: Record::default(),
            is_changed: true,
            gauge: None,
        }
    }

    fn tick(&mut self) {
        let now = self.world.now();
        if !self.is_changed && now.since(self.published) < REVIEW_MS {
            return;
        }
        self.is_changed = false;
        self.published = now;
        let standing = self.record.standing(now);
        if self.member.is_exported
            && let Some(reputation) = standing.reputation
        {
            let meter = &self.world.meter;
            let gauge = self
                .gauge
                .get_or_insert_with(|| meter.flow.reputation(self.member.name.id.as_str()));
            gauge.set(reputation.score);
        }
        self.member.publish(standing);
    }
}

impl Actor for Persona {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        self.member.acts_at(context.address().downgrade());
        context.run_interval(TICK, |persona, context| {
            persona.tick();
            // Neither roster nor keeper knows it any more; an interval would keep it running.
            if Arc::strong_count(&persona.member) == 1 {
                context.stop();
            }
        });
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Some(gauge) = &self.gauge {
            gauge.set(f64::NAN);
        }
    }
}

impl Handler<Turned> for Persona {
    type Result = ();

    fn handle(&mut self, Turned(judged): Turned, _: &mut Context<Self>) {
        self.record.add(self.world.now(), judged);
        self.is_changed = true;
    }
}

/// Ends the actor the way a defect would.
#[cfg(test)]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Poison;

#[cfg(test)]
impl Handler<Poison> for Persona {
    type Result = ();

    fn handle(&mut self, _: Poison, _: &mut Context<Self>) {
        panic!("a poisoned message");
    }
}
