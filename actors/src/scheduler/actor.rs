//! The shell around [`scheduler::Scheduler`](atp_routing::scheduler::Scheduler).

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, SpawnHandle};
use atp_protocol::error::{Code, Fault};
use atp_protocol::flow::{Watermark, WatermarkConfig};
use atp_protocol::ids::{RequestId, SessionId};
use atp_protocol::units::Tier;
use atp_routing::scheduler::{self, Admission, Event, Grant, Item, Refused, Settings};
use tokio::sync::oneshot;
use tracing::Span;

use super::Congestion;
use crate::environment::World;
use crate::metrics::Standing;
use crate::spans;

/// Messages waiting; senders wait beyond.
const MAILBOX: usize = 4_096;

/// How often timeouts, starvation and preemption are looked at while somebody waits.
const TICK: Duration = Duration::from_millis(20);

/// How often fairness is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// What a granted session is given: told once, when its slot is wanted back.
pub(crate) type Preempted = oneshot::Receiver<()>;

/// Ask for a slot.
#[derive(Message)]
#[rtype(result = "Result<Preempted, Fault>")]
pub(crate) struct Acquire(pub(crate) Item, pub(crate) Span);

/// Give a slot back, or stop waiting for one.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Release(pub(crate) RequestId);

/// Somebody in the queue.
struct Waiting {
    told: oneshot::Sender<Result<Preempted, Fault>>,
    span: Span,
    /// Named in its span, if anybody listens.
    session: Option<SessionId>,
}

/// The slots of one arbiter.
pub struct Scheduler {
    scheduler: scheduler::Scheduler,
    watermarks: [Watermark; 3],
    congestion: Rc<Congestion>,
    standing: Standing,
    world: World,
    waiting: BTreeMap<RequestId, Waiting>,
    running: BTreeMap<RequestId, oneshot::Sender<()>>,
    /// Set while somebody waits: an idle arbiter is not woken.
    ticking: Option<SpawnHandle>,
}

impl Scheduler {
    /// With nothing waiting.
    pub(crate) fn new(settings: Settings, world: World, congestion: Rc<Congestion>) -> Self {
        for tier in Tier::ALL {
            congestion.set(tier, None);
        }
        Self {
            scheduler: scheduler::Scheduler::new(settings),
            watermarks: std::array::from_fn(|_| Watermark::new(WatermarkConfig::default())),
            congestion,
            standing: world.meter.queue.standing(),
            world,
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            ticking: None,
        }
    }

    fn keep_ticking(&mut self, context: &mut Context<Self>) {
        if self.ticking.is_none() {
            self.ticking = Some(context.run_interval(TICK, Self::tick));
        }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let events = self.scheduler.tick(self.world.now());
        self.tell(events);
        if self.waiting.is_empty()
            && let Some(ticking) = self.ticking.take()
        {
            context.cancel_future(ticking);
        }
    }

    fn granted(&mut self, grant: &Grant) -> Preempted {
        self.world.meter.queue.granted(
            self.world.now(),
            grant.tier,
            grant.waited_ms,
            grant.was_fast,
            grant.was_starved,
        );
        self.waited(grant.tier, grant.waited_ms);
        let (preempt, preempted) = oneshot::channel();
        self.running.insert(grant.id.clone(), preempt);
        preempted
    }

    /// Watches how long a tier waits.
    fn waited(&mut self, tier: Tier, ms: u64) {
        let watermark = &mut self.watermarks[tier.index()];
        let entered = watermark.observe(ms as f64);
        let is_high = watermark.is_high();
        if let Some(suggested_ms) = entered {
            self.world.meter.flow.congestion.high(tier);
            self.congestion.set(tier, Some(suggested_ms));
        } else if !is_high {
            self.congestion.set(tier, None);
        }
        self.scheduler.shed_bronze(self.congestion.is_any_slow());
    }

    /// A tier that nobody waits in, with slots to spare, is not slow any more, though no wait has shown it.
    fn relax(&mut self) {
        if !self.congestion.is_any_slow() || !self.scheduler.has_room() {
            return;
        }
        for tier in Tier::ALL {
            if self.scheduler.waiting(tier) == 0 {
                self.waited(tier, 0);
            }
        }
    }

    fn tell(&mut self, events: Vec<Event>) {
        self.standing
            .tell(Tier::ALL.map(|tier| self.scheduler.waiting(tier)));
        let victims = events
            .iter()
            .filter(|event| matches!(event, Event::Preempt { .. }))
            .count();
        if victims > 0 {
            spans::request::preempt(victims);
        }
        for event in events {
            match event {
                Event::Granted(grant) => self.grant_waiter(&grant),
                Event::TimedOut { id, tier, waited_ms } => {
                    self.world.meter.queue.dropped(tier);
                    self.waited(tier, waited_ms);
                    self.refuse_waiter(&id, tier, waited_ms);
                }
                Event::Preempt { id, tier } => {
                    if let Some(preempt) = self.running.remove(&id) {
                        self.world.meter.queue.preempted(tier);
                        // A session that has just ended gives its slot back anyway.
                        let _ = preempt.send(());
                    }
                }
            }
        }
    }

    fn measure(&self) {
        let now = self.world.now();
        for tier in Tier::ALL {
            let fairness = self.scheduler.fairness(tier, now);
            self.world.meter.queue.fairness(now, tier, fairness);
        }
    }

    fn grant_waiter(&mut self, grant: &Grant) {
        let preempted = self.granted(grant);
        let is_taken = self.waiting.remove(&grant.id).is_some_and(|waiting| {
            if let Some(session) = &waiting.session {
                spans::request::select(&waiting.span, session.as_str(), grant);
            }
            waiting.told.send(Ok(preempted)).is_ok()
        });
        if !is_taken {
            // Its session stopped waiting in the same moment.
            self.release(&grant.id);
        }
    }

    fn refuse_waiter(&mut self, id: &RequestId, tier: Tier, waited_ms: u64) {
        if let Some(waiting) = self.waiting.remove(id) {
            let _ = waiting.told.send(Err(Event::timed_out_fault(tier, waited_ms)));
        }
    }

    fn release(&mut self, id: &RequestId) {
        self.waiting.remove(id);
        self.running.remove(id);
        let events = self.scheduler.release(self.world.now(), id);
        self.tell(events);
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(MEASURE, |actor, _| actor.measure());
    }
}

impl Handler<Acquire> for Scheduler {
    type Result = ResponseFuture<Result<Preempted, Fault>>;

    fn handle(&mut self, Acquire(item, span): Acquire, context: &mut Context<Self>) -> Self::Result {
        let (id, tier) = (item.id.clone(), item.tier);
        let session = (!span.is_disabled()).then(|| item.session.clone());
        self.relax();
        match self.scheduler.enqueue(self.world.now(), item) {
            Ok(Admission::Granted(grant)) => {
                span.record("fair.fast_path", true);
                let preempted = self.granted(&grant);
                Box::pin(std::future::ready(Ok(preempted)))
            }
            Ok(Admission::Queued) => {
                span.record("fair.fast_path", false);
                let (told, granted) = oneshot::channel();
                self.waiting.insert(id, Waiting { told, session, span });
                self.world.meter.queue.enqueued(tier);
                self.keep_ticking(context);
                self.tell(Vec::new());
                Box::pin(async move {
                    let lost =
                        |_| Fault::new(Code::Internal, "the queue was lost to an internal failure; retry");
                    granted.await.map_err(lost)?
                })
            }
            Err(refused) => {
                if matches!(refused, Refused::QueueFull { .. } | Refused::Shed) {
                    self.world.meter.queue.dropped(tier);
                }
                if refused == Refused::Shed {
                    self.world.meter.flow.congestion.bronze_drops.increment(1);
                }
                Box::pin(std::future::ready(Err(refused.into())))
            }
        }
    }
}

impl Handler<Release> for Scheduler {
    type Result = ();

    fn handle(&mut self, Release(id): Release, _: &mut Context<Self>) {
        self.release(&id);
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::TenantId;
    use atp_protocol::units::{Amount, Millis};

    use super::*;
    use crate::environment::testing::world;

    fn item(n: usize, tier: Tier) -> Item {
        Item {
            id: RequestId::new(&format!("r{n}")).unwrap(),
            tier,
            tenant: TenantId::new("acme").unwrap(),
            session: SessionId::new(&format!("s{n}")).unwrap(),
            cost: Amount::ZERO,
            weight: 1.0,
            tenant_weight: 1.0,
            window: None,
            deadline: Some(Millis(1_000_000)),
            is_preemptible: true,
        }
    }

    #[test]
    fn long_waits_keep_bronze_out_until_nobody_waits_any_more() {
        let (world, clock) = world();
        let congestion = Rc::new(Congestion::default());
        let settings = Settings {
            slots: 1,
            ..Settings::default()
        };
        let mut scheduler = Scheduler::new(settings, world, Rc::clone(&congestion));
        let mut granted = Vec::new();
        let mut enqueue = |scheduler: &mut Scheduler, n, tier| {
            let (told, grant) = oneshot::channel();
            granted.push(grant);
            scheduler.relax();
            let waiting = Waiting {
                told,
                span: Span::none(),
                session: None,
            };
            scheduler
                .waiting
                .insert(RequestId::new(&format!("r{n}")).unwrap(), waiting);
            scheduler.scheduler.enqueue(scheduler.world.now(), item(n, tier))
        };
        for n in 0..4 {
            assert!(enqueue(&mut scheduler, n, Tier::Silver).is_ok());
        }
        for n in 0..3 {
            clock.0.fetch_add(300_000, std::sync::atomic::Ordering::Relaxed);
            scheduler.release(&RequestId::new(&format!("r{n}")).unwrap());
        }
        assert_eq!(congestion.suggested_wait_ms(Tier::Silver), Some(900));
        assert_eq!(enqueue(&mut scheduler, 9, Tier::Bronze), Err(Refused::Shed));
        scheduler.release(&RequestId::new("r3").unwrap());
        assert!(enqueue(&mut scheduler, 9, Tier::Bronze).is_ok());
        assert_eq!(congestion.suggested_wait_ms(Tier::Silver), None);
    }
}
