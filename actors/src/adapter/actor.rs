//! Decides the condition of one adapter: breaker, window, accuracy of its estimates, measured latency, health polls.
//!
//! Receives  `Heed` from sessions, which says that `Finished` are waiting; `Said` from the adapter's connection; its own tick;
//!           of adapters that are polled, what other nodes found (`Hearsay`)
//! Sends     `Report` to the registry
//! When full `Finished` is dropped: a figure is lost, no call is
//! Ends      when its endpoint is replaced or withdrawn

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult,
    WrapFuture,
};
use atp_protocol::adapter::{AgentStatus, Health, HealthStatus};
use atp_protocol::error::Code;
use atp_protocol::estimate::{Accuracy, Observed};
use atp_protocol::flow::{Aimd, AimdConfig, Signal, StatusConfig, StatusTracker, Work};
use atp_protocol::units::{Amount, Millis, PartialWindow};
use atp_routing::breaker::{self, Breaker, State};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::pass::{Pass, Unused};
use super::polls::Polls;
use super::recent::{RECENT, error_rate, forget, percentile, remember};
use super::reports::{FINISHED_MAX, Finished, Heed, Reports};
use super::tally::Tally;
use super::{Adapter, Burst, Gate, Hearsay, Live, Past, Silence};
use crate::environment::World;
use crate::metrics::AdapterSeries;
use crate::registry::{AdapterSpec, Attachment, Claim, Registry, Report};
use crate::spans;

/// Messages waiting.
const MAILBOX: usize = 1_024;
/// How often figures are published.
const TICK: Duration = Duration::from_secs(1);
/// How long a poll may take.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks for a probe while the breaker is half open.
#[derive(Debug, Message)]
#[rtype(result = "Option<Pass>")]
pub(crate) struct AskProbe;

/// What the adapter says of itself.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Said {
    /// Readiness.
    pub(crate) status: AgentStatus,
    /// The window it suggests, in place of the one before; `None` leaves that.
    pub(crate) suggested: Option<PartialWindow>,
    /// When BUSY or PAUSE lapses.
    pub(crate) retry_after_ms: Option<u64>,
}

/// How adapters are watched, from the configuration.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Between two polls of the health of an adapter that is configured or attached to another node, at most: after one that failed the next comes sooner.
    pub health_poll: Duration,
    /// When their circuits open and close.
    pub breaker: breaker::Settings,
    /// How often those are called that dial in; `None` is as often as one likes.
    pub burst: Option<Burst>,
    /// Who is listened to before an adapter is polled.
    pub hearsay: Arc<dyn Hearsay>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            health_poll: Duration::from_secs(10),
            breaker: breaker::Settings::default(),
            burst: Some(Burst::default()),
            hearsay: Arc::new(Silence),
        }
    }
}

/// What is known of the adapter's health.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Heard(pub(crate) HealthStatus);

/// A frame of the adapter came with a mark of congestion.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Congested;

/// One adapter.
pub(crate) struct AdapterActor {
    claim: Claim,
    adapter: Rc<dyn Adapter>,
    live: Arc<Live>,
    series: Arc<AdapterSeries>,
    registry: Addr<Registry>,
    finished: mpsc::Receiver<Finished>,
    world: World,
    /// When it is polled; `None` for one that is not.
    polls: Option<Polls>,
    attachment: Attachment,
    hearsay: Arc<dyn Hearsay>,
    breaker: Breaker,
    window: Aimd,
    status: StatusTracker,
    suggested: PartialWindow,
    accuracy: Accuracy,
    tally: Tally,
    latencies: VecDeque<(Millis, f64)>,
    outcomes: VecDeque<(Millis, bool)>,
}

impl AdapterActor {
    pub(crate) fn launch(
        spec: &AdapterSpec,
        live: Arc<Live>,
        registry: Addr<Registry>,
        world: World,
        watch: &Watch,
    ) -> (Addr<Self>, Reports) {
        let window = AimdConfig {
            base: spec.window,
            max_cap: spec.window,
            add: f64::from((spec.window / 64).clamp(1, 10)),
            high_water: 1.0,
            ..AimdConfig::default()
        };
        let (sender, finished) = mpsc::channel(FINISHED_MAX);
        let actor = Self {
            claim: spec.claim(),
            adapter: spec.factory.build(),
            live,
            series: world.meter.adapters.named.of(spec.capability.adapter_id.as_str()),
            registry,
            finished,
            world,
            polls: match spec.attachment {
                Attachment::Configured | Attachment::Remote { .. } => Some(Polls::new(watch.health_poll)),
                Attachment::Local | Attachment::Dialled => None,
            },
            attachment: spec.attachment,
            hearsay: Arc::clone(&watch.hearsay),
            breaker: Breaker::new(watch.breaker),
            window: Aimd::new(window),
            status: StatusTracker::new(StatusConfig::default()),
            suggested: PartialWindow::default(),
            accuracy: Accuracy::default(),
            tally: Tally::default(),
            latencies: VecDeque::with_capacity(RECENT),
            outcomes: VecDeque::with_capacity(RECENT),
        }
        .start();
        let reports = Reports::new(sender, actor.clone());
        (actor, reports)
    }

    fn publish_gate(&self, now: Millis) {
        let gate = match self.breaker.state() {
            State::Closed => Gate::Closed,
            State::HalfOpen => Gate::HalfOpen,
            State::Open => match self.breaker.check(now) {
                Ok(()) => Gate::HalfOpen,
                Err(rejection) => Gate::Open {
                    until: now.plus(rejection.retry_after_ms),
                },
            },
        };
        let before = self.live.gate();
        if before != gate {
            self.live.set_gate(gate);
            let shift =
                f64::from(u8::from(gate != Gate::Closed)) - f64::from(u8::from(before != Gate::Closed));
            self.world.meter.adapters.circuits_open.increment(shift);
            match gate {
                Gate::Closed => info!(adapter = %self.claim.name.id, "circuit closed"),
                Gate::Open { .. } => warn!(adapter = %self.claim.name.id, "circuit opened"),
                Gate::HalfOpen => info!(adapter = %self.claim.name.id, "circuit half open"),
            }
        }
    }

    fn publish_window(&self, now: Millis) {
        let cooled = self.accuracy.cooled_parallel(now, self.window.current());
        let suggested = self.suggested.max_parallel.unwrap_or(cooled);
        self.live.set_window(cooled.min(suggested), self.suggested);
        self.live.set_surcharge(self.accuracy.surcharge(now));
    }

    /// Takes the agent's own idea of its window.
    fn suggest(&mut self, now: Millis, suggested: PartialWindow) {
        let cooled = self.accuracy.cooled_parallel(now, self.window.current());
        let is_narrower = suggested.max_parallel.is_some_and(|calls| calls < cooled)
            || suggested.max_tokens.is_some()
            || suggested.max_usd_micros.is_some();
        self.world
            .meter
            .adapters
            .overrides
            .increment(u64::from(is_narrower));
        self.suggested = suggested;
    }

    /// What the agent said, as long as it holds: a PAUSE takes work within its grace, BUSY and PAUSE lapse.
    fn publish_status(&mut self, now: Millis) {
        if self.status.honours_pause(now) {
            self.world.meter.adapters.pauses_honored.increment(1);
        }
        let takes_work = self.status.parallel(now, Work::New, 1, None, false) > 0;
        let status = match takes_work {
            true => AgentStatus::Ready,
            false => self.status.status(now),
        };
        self.live.set_status(status);
    }

    fn publish_past(&mut self, now: Millis) {
        let (calls, successes) = self.tally.at(now);
        let known = self.accuracy.known(now);
        self.live.set_past(Past {
            calls,
            successes,
            mape: known.map(|(mape, _)| mape),
            under_rate: known.map(|(_, under_rate)| under_rate),
            is_downgraded: self.accuracy.is_downgraded(now),
        });
    }

    /// Only what the adapter estimated itself counts for it or against it.
    fn judge(&mut self, now: Millis, [estimated, effective, actual]: [Amount; 3], is_own: bool) {
        let observed = match is_own {
            true => self.accuracy.observe(now, estimated, effective, actual),
            false => Observed::of(estimated, effective, actual),
        };
        self.series.foreseen(observed.ape);
    }

    /// Takes in what sessions reported, in their order.
    fn take_in(&mut self) {
        let mut is_changed = false;
        while let Ok(call) = self.finished.try_recv() {
            self.count(call);
            is_changed = true;
        }
        if is_changed {
            let now = self.world.now();
            self.publish_gate(now);
            self.publish_window(now);
        }
    }

    fn count(&mut self, call: Finished) {
        let now = call.at;
        let outcome = call
            .failed
            .map_or(breaker::Outcome::Success, breaker::Outcome::of);
        let is_against = matches!(outcome, breaker::Outcome::Failure(_));
        let permit = match call.permit {
            Some(permit) => Some(permit),
            // A call let through while the circuit was closed says nothing about one that has opened since.
            None if self.breaker.state() == State::Closed => self.breaker.allow(now).ok(),
            None => None,
        };
        if let Some(permit) = permit {
            self.breaker.record(now, permit, outcome);
        }
        if call.failed.is_none() || is_against {
            remember(&mut self.outcomes, now, !is_against);
            self.tally.add(now, !is_against);
        }
        let signal = match call.failed {
            None => {
                remember(&mut self.latencies, now, call.first_chunk_ms);
                Some(Signal::Success {
                    latency_ms: call.first_chunk_ms,
                    target_ms: Some(call.target_ms),
                })
            }
            Some(Code::WindowAgent) => Some(Signal::Failure),
            Some(_) => is_against.then_some(Signal::Failure),
        };
        if let Some(signal) = signal {
            let before = self.window.current();
            self.window.signal(now, signal, 0.0);
            let windows = (before, self.window.current());
            let (id, is_ok) = (self.claim.name.id.as_str(), call.failed.is_none());
            spans::connection::aimd(id, windows, call.first_chunk_ms, is_ok);
        }
        if let Some(cost) = call.cost {
            self.judge(now, cost, call.is_own_estimate);
        }
    }

    fn tick(&mut self) {
        self.take_in();
        let now = self.world.now();
        self.publish_past(now);
        self.publish_gate(now);
        self.publish_status(now);
        self.publish_window(now);
        forget(&mut self.outcomes, now);
        forget(&mut self.latencies, now);
        self.live
            .set_measured(percentile(&self.latencies, 0.95), error_rate(&self.outcomes));
    }

    /// Takes the word of another node, or asks.
    fn look(&mut self, context: &mut Context<Self>) {
        let Some(polls) = &mut self.polls else { return };
        let models = &self.adapter.capability().models;
        let heard = self.hearsay.of(&self.claim.name, self.attachment, models);
        self.world.meter.adapters.looked(heard.is_some());
        let Some(health) = heard else {
            return self.poll(context);
        };
        let (is_news, wait) = polls.hear(self.world.now(), health);
        if is_news {
            self.report(health, None);
        }
        context.run_later(wait, |actor, context| actor.look(context));
    }

    fn report(&self, health: Health, models: Option<Vec<String>>) {
        let claim = self.claim.clone();
        // A registry that is behind hears of the next poll soon enough.
        let _ = self.registry.try_send(Report {
            claim,
            health: Some(health),
            models,
            is_compliant: None,
        });
    }

    fn poll(&self, context: &mut Context<Self>) {
        let asked = self.adapter.health();
        let polling = async move {
            match tokio::time::timeout(POLL_TIMEOUT, asked).await {
                Ok(Ok(health)) => health,
                Ok(Err(_)) | Err(_) => Health {
                    status: HealthStatus::Unhealthy,
                    ..Health::HEALTHY
                },
            }
        };
        let again = polling.into_actor(self).map(|health, actor, context| {
            actor.report(health, Some(actor.adapter.capability().models.clone()));
            if let Some(polls) = &mut actor.polls {
                let is_up = health.status != HealthStatus::Unhealthy;
                context.run_later(polls.next(is_up), |actor, context| actor.look(context));
            }
        });
        context.spawn(again);
    }
}

impl Actor for AdapterActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, |actor, context| {
            match actor.registry.connected() && context.connected() {
                true => actor.tick(),
                false => context.stop(),
            }
        });
        self.look(context);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if self.live.gate() != Gate::Closed {
            self.world.meter.adapters.circuits_open.decrement(1.0);
        }
    }
}

impl Handler<Heed> for AdapterActor {
    type Result = ();

    fn handle(&mut self, _: Heed, _: &mut Context<Self>) {
        self.take_in();
    }
}

impl Handler<AskProbe> for AdapterActor {
    type Result = MessageResult<AskProbe>;

    fn handle(&mut self, _: AskProbe, context: &mut Context<Self>) -> Self::Result {
        self.take_in();
        let now = self.world.now();
        let permit = self.breaker.allow(now);
        self.publish_gate(now);
        // Where nobody waits for it any more, it comes back from here.
        MessageResult(permit.ok().map(|permit| Pass::new(permit, context.address())))
    }
}

impl Handler<Unused> for AdapterActor {
    type Result = ();

    fn handle(&mut self, Unused(permit): Unused, _: &mut Context<Self>) {
        let now = self.world.now();
        self.breaker.record(now, permit, breaker::Outcome::Neutral);
        self.publish_gate(now);
    }
}

impl Handler<Congested> for AdapterActor {
    type Result = ();

    fn handle(&mut self, _: Congested, _: &mut Context<Self>) {
        let now = self.world.now();
        self.window.signal(now, Signal::Ecn, 0.0);
        self.publish_window(now);
    }
}

impl Handler<Said> for AdapterActor {
    type Result = ();

    fn handle(&mut self, said: Said, context: &mut Context<Self>) {
        let now = self.world.now();
        let change = self.status.report(now, said.status, said.retry_after_ms);
        if let Some(before) = change {
            info!(adapter = %self.claim.name.id, from = ?before, to = ?said.status, "agent status changed");
            self.world.meter.adapters.status_changed(said.status);
        }
        if let Some(suggested) = said.suggested {
            self.suggest(now, suggested);
        }
        self.publish_status(now);
        self.publish_window(now);
        // The tick notices the rest; a change that is due before it is not to wait for it.
        if let Some(due) = self.status.next_deadline().filter(|due| now.plus(1_000) > *due) {
            let wait = Duration::from_millis(due.since(now));
            context.run_later(wait, |actor, _| actor.publish_status(actor.world.now()));
        }
    }
}

impl Handler<Heard> for AdapterActor {
    type Result = ();

    fn handle(&mut self, Heard(health): Heard, _: &mut Context<Self>) {
        self.status.health(health == HealthStatus::Healthy);
        self.publish_status(self.world.now());
    }
}
