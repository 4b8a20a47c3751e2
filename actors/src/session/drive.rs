//! Runs one stream: feeds the parallel-session machine, carries out what it decides, settles, answers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use atp_protocol::adapter::Usage;
use atp_protocol::error::{Code, Fault};
use atp_protocol::units::{Amount, Millis};
use atp_routing::session::{Action, Call as CallId, CancelReason, Input, LaneIx, Piece, Step};
use futures_util::FutureExt;
use futures_util::future::{Fuse, LocalBoxFuture, join_all};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, timeout};
use tracing::Span;

use super::call::{Running, Signal};
use super::drain::Drain;
use super::launch::Launched;
use super::output::{OUTPUT_MAX, Output};
use super::{Router, escalation, finish, log, pacing, reputation};
use crate::adapter::{Call, Form};
use crate::metrics::Held;
use crate::scheduler::Slot;
use crate::spans;

/// A stream on its way.
pub(super) struct Drive {
    pub(super) router: Rc<Router>,
    pub(super) launched: Launched,
    calls: Vec<Running>,
    drains: Vec<Drain>,
    pending: VecDeque<Input>,
    out: mpsc::Sender<Output>,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Millis>,
    /// The node leaves; ends once.
    cut: Fuse<LocalBoxFuture<'static, ()>>,
    pub(super) has_output: bool,
    has_left: bool,
    is_finished: bool,
    was_shown_early: bool,
    /// Around its lanes, and around the merging of several.
    dispatching: Span,
    pub(super) merging: Span,
    _counted: Held,
}

/// What the loop waited for.
enum Woken {
    Call(usize, Signal),
    Left,
    Preempted,
    Cut,
    Time,
}

impl Drive {
    pub(super) fn new(router: Rc<Router>, launched: Launched) -> (Box<Self>, mpsc::Receiver<Output>) {
        let (out, events) = mpsc::channel(OUTPUT_MAX);
        let strategy = launched.strategy.as_str();
        let (request, lanes) = (&launched.request, launched.first_lanes);
        let dispatching = spans::request::dispatch(&launched.span, request, lanes, strategy);
        let merging = match lanes > 1 {
            true => spans::request::reconciliation(&launched.span, request, lanes, strategy),
            false => Span::none(),
        };
        let _counted = Held::by(&router.world.meter.requests.parallel_sessions);
        let cut = router.shared.load.is_cut().boxed_local().fuse();
        let drive = Box::new(Self {
            calls: Vec::with_capacity(lanes),
            router,
            launched,
            drains: Vec::new(),
            pending: VecDeque::with_capacity(1 + lanes),
            out,
            timer: Box::pin(sleep(Duration::ZERO)),
            timer_at: None,
            cut,
            has_output: false,
            has_left: false,
            is_finished: false,
            was_shown_early: false,
            dispatching,
            merging,
            _counted,
        });
        (drive, events)
    }

    /// Runs to the last word. Borrows: a future that owned a stream would hold it twice.
    pub(super) async fn run(&mut self) {
        self.pending.push_back(Input::Start);
        // The hold covers every lane, so all of them are admitted together.
        let lanes = 0..self.launched.first_lanes;
        self.pending
            .extend(lanes.map(|lane| Input::LaneAdmitted { lane: LaneIx(lane) }));
        loop {
            while let Some(input) = self.pending.pop_front() {
                let now = self.router.world.now();
                for Action { step, .. } in self.launched.machine.handle(now, input) {
                    self.perform(step).await;
                }
            }
            if self.is_finished {
                break;
            }
            self.guard_budget().await;
            if !self.pending.is_empty() {
                continue;
            }
            match self.wake().await {
                Woken::Call(at, signal) => self.take(at, signal).await,
                Woken::Left => self.leave(),
                Woken::Preempted => {
                    log::preempted(&self.router.world, &self.launched.request);
                    self.pending.push_back(Input::Preempt);
                }
                Woken::Cut => self.pending.push_back(Input::Drain),
                Woken::Time => self.pending.push_back(Input::Tick),
            }
        }
    }

    /// Waits for the next thing to happen. Lanes first: what has arrived counts before what has expired.
    async fn wake(&mut self) -> Woken {
        let now = self.router.world.now();
        if let Some(at) = self.launched.machine.next_deadline()
            && self.timer_at.is_none_or(|set| at < set)
        {
            // A timer that fires early only ticks; setting it anew on every chunk would cost more.
            let wait = Duration::from_millis(at.since(now).max(1));
            self.timer.set(sleep(wait));
            self.timer_at = Some(at);
        }
        let Self {
            calls,
            out,
            timer,
            timer_at,
            cut,
            router,
            has_left,
            launched,
            ..
        } = self;
        let lanes = poll_fn(|context| {
            for (at, call) in calls.iter_mut().enumerate() {
                if let Poll::Ready(signal) = call.poll(router.world.now(), context) {
                    return Poll::Ready((at, signal));
                }
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            () = cut => Woken::Cut,
            (at, signal) = lanes => Woken::Call(at, signal),
            () = out.closed(), if !*has_left => Woken::Left,
            () = preempted(&mut launched.slot) => Woken::Preempted,
            () = timer.as_mut(), if timer_at.is_some() => {
                *timer_at = None;
                Woken::Time
            }
        }
    }

    async fn take(&mut self, at: usize, signal: Signal) {
        let call = self.calls[at].id;
        let input = match signal {
            Signal::Accepted => Input::DispatchOk { call },
            Signal::Chunk(chunk) => {
                let (lane, bytes) = (&self.launched.lanes[call.lane.0], chunk.piece.len());
                let request = &self.launched.request;
                spans::request::buffer(&self.calls[at].span, request, lane, chunk.seq, bytes);
                Input::Chunk { call, chunk }
            }
            Signal::Status(status) => Input::AgentStatus {
                lane: call.lane,
                status,
            },
            Signal::Congested => return self.emit(Output::Congested).await,
            Signal::Log { level, text } => return self.emit(Output::Log { level, text }).await,
            Signal::Refused(fault) => {
                // Whoever refuses bills nothing; whoever did not answer in time may be at work, and whoever broke off
                // may have done it all.
                let over = self.calls.swap_remove(at);
                if fault.is_outcome_unknown {
                    self.count_all(&over);
                } else if fault.code == Code::Timeout {
                    self.count(&over);
                }
                Input::DispatchErr { call, fault }
            }
            Signal::Ended(end) => {
                let over = self.calls.swap_remove(at);
                self.count(&over);
                Input::LaneFinal { call, end }
            }
            Signal::Failed(fault) => {
                let over = self.calls.swap_remove(at);
                match fault.is_outcome_unknown {
                    true => self.count_all(&over),
                    false => self.count(&over),
                }
                let usage = over.reported();
                Input::LaneFail { call, fault, usage }
            }
        };
        self.pending.push_back(input);
    }

    /// Counts a call that is over. Each call counts by itself: a provider that failed bills what it did all the same,
    /// whoever answers in its place.
    fn count(&mut self, call: &Running) {
        let target = &self.launched.targets[call.target];
        self.launched.spend.count(call.used(&target.estimate));
    }

    /// Counts a call of which nobody knows what it used.
    fn count_all(&mut self, call: &Running) {
        let target = &self.launched.targets[call.target];
        self.launched.spend.count(call.all(&target.estimate));
    }

    /// The client has gone: nothing more is sent, what runs is cancelled, all is settled.
    fn leave(&mut self) {
        if !self.has_left {
            self.has_left = true;
            self.pending.push_back(Input::Cancel);
        }
    }

    async fn perform(&mut self, step: Step) {
        match step {
            Step::Dispatch {
                call,
                target,
                delay_ms,
            } => match self.reserve(call, target.0).await {
                Ok(()) => self.dispatch(call, target.0, delay_ms),
                Err(fault) => self.pending.push_back(Input::DispatchErr { call, fault }),
            },
            Step::CancelLane { call, reason } => self.cancel(call, reason),
            Step::Pause { lane } => self.pause(lane, true),
            Step::Resume { lane } => self.pause(lane, false),
            Step::EmitText { lane, piece } => {
                let output = match piece {
                    Piece::Read { text, .. } if text.is_empty() => return,
                    Piece::Read { text, .. } => Output::Text(text),
                    Piece::Forward(bytes) => Output::Forward(bytes),
                };
                self.first_output(lane);
                self.emit(output).await;
            }
            Step::EmitLanePartial {
                lane,
                piece: Piece::Read { text, .. },
            } => {
                let lane = Box::new(self.launched.lanes[lane.0].clone());
                self.emit(Output::Lane { lane, text }).await;
            }
            // Bytes of a provider are forwarded on one lane only.
            Step::EmitLanePartial { .. } => {}
            Step::EmitEvent { event, lane, reason } => {
                let persona = lane.and_then(|lane| self.launched.lanes[lane.0].persona.clone());
                let data = serde_json::json!({ "reason": reason, "persona_id": persona }).into();
                let name = finish::event_name(event);
                self.emit(Output::Event { name, data }).await;
            }
            Step::EmitProvisional(provisional) => {
                if provisional.is_incremental && !std::mem::replace(&mut self.was_shown_early, true) {
                    self.router.world.meter.answers.streamed.increment(1);
                    spans::request::streaming(&self.merging, &self.launched.request);
                }
                let output = finish::provisional(self, *provisional);
                self.emit(output).await;
            }
            Step::CallArbiter { .. } => {
                self.router.world.meter.answers.arbiters.increment(1);
                let fault = Fault::new(Code::Unsupported, "no arbiter is configured");
                self.pending.push_back(Input::ArbiterResult(Err(fault)));
            }
            Step::Escalate {
                lane,
                target,
                trigger,
            } => {
                let asked = (lane, target.0);
                let input = escalation::ask(&self.router, &mut self.launched, asked, trigger).await;
                self.pending.push_back(input);
            }
            Step::Withhold { trigger, because } => {
                self.router.world.meter.answers.withheld(trigger, because);
            }
            // What a lane used was counted call by call.
            Step::SettleLane { .. } => {}
            Step::Finish(result) => {
                self.is_finished = true;
                // Before the client knows, so that it is told the window that follows.
                pacing::tell_window(&self.router, &mut self.launched);
                // With nothing left to drain the charge is on record before the client knows the answer, so that a
                // node that dies in between never forgets an answer it gave.
                if self.drains.is_empty() {
                    self.launched.spend.settle(&self.launched.request).await;
                }
                let output = finish::output(self, *result);
                self.emit(output).await;
            }
        }
    }

    /// Holds what a call needs that takes the place of one that failed; a lane's first call has its need held.
    async fn reserve(&mut self, id: CallId, target: usize) -> Result<(), Fault> {
        if id.attempt == 1 {
            return Ok(());
        }
        let targets = &self.launched.targets;
        let calls = self.calls.iter().map(|call| {
            let target = &targets[call.target];
            call.used(&target.estimate).amount().max(target.effective)
        });
        let drains = self
            .drains
            .iter()
            .map(|drain| drain.so_far().amount().max(targets[drain.target].effective));
        let committed = calls.chain(drains).fold(Amount::ZERO, Amount::plus);
        let need = targets[target].effective;
        self.launched.spend.reserve(committed, need).await
    }

    fn dispatch(&mut self, id: CallId, target: usize, delay_ms: u64) {
        let now = self.router.world.now();
        let launched = &self.launched;
        let to = &launched.targets[target];
        let request = &launched.request;
        let mut call = Call {
            request: Arc::clone(request),
            traceparent: None,
            lane: launched.lanes[id.lane.0].clone(),
            model: Arc::clone(&to.model),
            persona_prompt: launched.prompts[id.lane.0].clone(),
            form: launched.form,
            deadline_ms: request
                .deadline_ms
                .saturating_sub(now.since(launched.accepted))
                .max(1),
            budget: to.effective,
            max_output_tokens: launched.output_cap(to),
            idempotency_key: format!("{}.{}.{}", request.id, id.lane.0, id.attempt).into(),
            diversity_seed: launched.lanes[id.lane.0].clone.map(|clone| u64::from(clone.0)),
        };
        self.router.world.meter.requests.targets.increment(1);
        let adapter = self.router.adapter(&to.endpoint);
        let span = spans::request::adapter(&self.dispatching, &call, id.lane.0, to.endpoint.name.id.as_str());
        call.traceparent = match self.router.world.traces.carry(&span) {
            Some(ours) => Some(ours.into()),
            None => request.meta.traceparent.as_deref().map(Into::into),
        };
        self.calls
            .push(Running::new(id, target, to, adapter, (call, span), delay_ms, now));
    }

    fn cancel(&mut self, id: CallId, reason: CancelReason) {
        let Some(at) = self.calls.iter().position(|call| call.id == id) else {
            return;
        };
        let call = self.calls.swap_remove(at);
        let target = &self.launched.targets[call.target];
        let bills_on = !target.endpoint.cancel_stops_billing && reason != CancelReason::TooBig;
        let used = call.used(&target.estimate);
        // An answer in one piece that took too long: it was worked at all the time, and nothing of it was seen.
        let is_late = matches!(reason, CancelReason::TimedOut | CancelReason::Deadline);
        let is_unseen = !self.launched.request.wants_stream && used.out_tokens == 0;
        let charge = match is_late && is_unseen {
            true => call.all(&target.estimate),
            false => used,
        };
        let is_billed = call.was_sent();
        let caps = (self.router.settings.drain_bytes, self.router.settings.drain_ms);
        let drain = bills_on
            .then(|| Drain::new(call, target.price, &target.estimate, caps))
            .flatten();
        match drain {
            Some(drain) => self.drains.push(drain),
            None if is_billed => self.launched.spend.count(charge),
            None => {}
        }
    }

    fn pause(&mut self, lane: LaneIx, is_paused: bool) {
        for call in self.calls.iter_mut().filter(|call| call.id.lane == lane) {
            call.is_paused = is_paused;
        }
    }

    /// Tops the hold up before it is spent, and cuts the lanes when nothing can be added.
    async fn guard_budget(&mut self) {
        let used = self.running_amount();
        let now = self.router.world.now();
        self.launched.spend.top_up(used, now).await;
        if self.launched.spend.is_exhausted(used) {
            let lanes = self
                .calls
                .iter()
                .map(|call| Input::BudgetExhausted { lane: call.id.lane });
            self.pending.extend(lanes);
        }
    }

    /// What calls have used that are not counted yet, those that are read on to their usage included.
    fn running_amount(&self) -> Amount {
        let calls = self
            .calls
            .iter()
            .map(|call| call.used(&self.launched.targets[call.target].estimate));
        let drains = self.drains.iter().map(Drain::so_far);
        calls
            .chain(drains)
            .fold(Amount::ZERO, |sum, used| sum.plus(used.amount()))
    }

    fn first_output(&mut self, lane: LaneIx) {
        if !self.has_output {
            self.has_output = true;
            let waited = self.router.world.now().since(self.launched.accepted);
            let call = self.calls.iter().find(|call| call.id.lane == lane);
            let target = call.map_or(0, |call| call.target);
            let endpoint = &self.launched.targets[target].endpoint;
            endpoint
                .series
                .first_chunk(self.launched.request.tier, waited as f64);
        }
    }

    /// Sends to the reader; waits while it is behind, and takes it for gone when it stays so.
    async fn emit(&mut self, output: Output) {
        if self.has_left {
            return;
        }
        let Err(mpsc::error::TrySendError::Full(output)) = self.out.try_send(output) else {
            // Delivered, or the reader has gone, which `wake` notices.
            return;
        };
        let patience = Duration::from_millis(self.router.settings.write_stall_ms);
        if !matches!(timeout(patience, self.out.send(output)).await, Ok(Ok(()))) {
            self.leave();
        }
    }

    /// Drains what bills on, settles, and puts the session on record.
    pub(super) async fn close(mut self: Box<Self>) {
        reputation::tell(&self.launched, &self.router.registry.personas);
        finish::count(&self);
        // The reader need not wait for what follows.
        drop(self.out);
        for usage in join_all(self.drains.drain(..).map(Drain::run)).await {
            self.launched.spend.count(usage);
        }
        finish::count_cost(&self.router, &self.launched);
        pacing::tell_spending(&self.router, &self.launched);
        self.launched.spend.settle(&self.launched.request).await;
        finish::record(&self.router, &self.launched);
    }

    /// Whether the provider's own bytes went out.
    pub(super) fn is_forwarded(&self) -> bool {
        self.has_output && self.launched.form == Form::Forward
    }

    /// What all lanes used, drains aside.
    pub(super) fn used(&self) -> Usage {
        self.launched.spend.used()
    }
}

/// Resolves once, when the slot is wanted back.
async fn preempted(slot: &mut Slot) {
    if let Some(preempted) = &mut slot.preempted {
        let is_wanted = preempted.await.is_ok();
        slot.preempted = None;
        if is_wanted {
            return;
        }
    }
    std::future::pending().await
}
