//! One call to an adapter, from its delay to its last event.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use atp_protocol::adapter::{AgentStatus, Usage, UsageSource};
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::{Estimate, Price};
use atp_protocol::finding::Finding;
use atp_protocol::units::{Amount, Millis};
use atp_routing::reconcile;
use atp_routing::session::{Call as CallId, Chunk, LaneEnd, Piece};
use futures_util::future::LocalBoxFuture;
use tokio::time::Sleep;
use tracing::{Span, warn};

use super::believable::believable;
use crate::adapter::{
    Adapter, AskProbe, Call, Endpoint, Finished, Gate, LaneEvent, LaneFinal, LaneStream, Metered, Pass,
    Place, Turn, full,
};
use crate::spans;

/// Somebody a lane can be sent to.
pub(super) struct Target {
    /// `adapter/model@region`.
    pub(super) candidate: Arc<str>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) model: Arc<str>,
    pub(super) price: Price,
    /// Expected cost, and what is held for it.
    pub(super) estimate: Estimate,
    pub(super) effective: Amount,
    /// The estimate is the adapter's own.
    pub(super) is_own_estimate: bool,
    /// How long a call waits for its turn where the adapter is called only so often, in milliseconds.
    pub(super) turn_max_ms: u64,
}

/// What a call tells its session.
pub(super) enum Signal {
    Accepted,
    Refused(Fault),
    Chunk(Chunk),
    Log { level: Box<str>, text: Box<str> },
    Status(AgentStatus),
    Congested,
    Ended(Box<LaneEnd>),
    Failed(Fault),
}

type Opening = LocalBoxFuture<'static, Result<LaneStream, Fault>>;

enum State {
    Waiting(Pin<Box<Sleep>>, Box<Call>),
    Opening(Opening),
    Running(LaneStream),
    Over,
}

/// What is still to come of a call: the beginning of its answer, or what follows it.
pub(super) enum Rest {
    Opening(Opening),
    Running(LaneStream),
}

/// A call in progress.
pub(super) struct Running {
    pub(super) id: CallId,
    pub(super) target: usize,
    pub(super) is_paused: bool,
    state: State,
    turn_max_ms: u64,
    turn: Option<Turn>,
    place: Option<Place>,
    /// Leave to go through a circuit that is not closed, once it is given.
    pass: Option<Rc<Cell<Option<Pass>>>>,
    endpoint: Arc<Endpoint>,
    adapter: Rc<dyn Adapter>,
    price: Price,
    estimated: Amount,
    effective: Amount,
    is_own_estimate: bool,
    target_ms: f64,
    seq: u64,
    started: Millis,
    first_chunk: Option<Millis>,
    usage: Option<Usage>,
    seen_tokens: u64,
    /// The adapter has said its last word, on usage too.
    is_ended: bool,
    pub(super) span: Span,
}

impl Running {
    pub(super) fn new(
        id: CallId,
        target: usize,
        to: &Target,
        adapter: Rc<dyn Adapter>,
        (call, span): (Call, Span),
        delay_ms: u64,
        now: Millis,
    ) -> Self {
        let target_ms = call.request.latency_slo_ms as f64;
        let sleep = Box::pin(tokio::time::sleep(Duration::from_millis(delay_ms)));
        let mut running = Self {
            id,
            target,
            is_paused: false,
            state: State::Waiting(sleep, Box::new(call)),
            turn_max_ms: to.turn_max_ms,
            turn: None,
            place: None,
            pass: None,
            endpoint: Arc::clone(&to.endpoint),
            adapter,
            price: to.price,
            estimated: Amount {
                tokens: to.estimate.in_tokens.saturating_add(to.estimate.out_tokens),
                usd_micros: to.estimate.usd_micros,
            },
            effective: to.effective,
            is_own_estimate: to.is_own_estimate,
            target_ms,
            seq: 0,
            started: now,
            first_chunk: None,
            usage: None,
            seen_tokens: 0,
            is_ended: false,
            span,
        };
        if delay_ms == 0 {
            running.begin(now);
        }
        running
    }

    /// Starts the call when its turn has come and there is a place at the endpoint.
    fn begin(&mut self, now: Millis) {
        let State::Waiting(_, call) = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        self.state = match self.enter(now) {
            Ok(0) => State::Opening(match self.endpoint.live.gate() {
                Gate::Closed => self.adapter.stream(*call),
                Gate::Open { .. } | Gate::HalfOpen => self.probe(*call),
            }),
            Ok(wait_ms) => {
                let wait = Duration::from_millis(wait_ms);
                State::Waiting(Box::pin(tokio::time::sleep(wait)), call)
            }
            Err(fault) => State::Opening(Box::pin(std::future::ready(Err(fault)))),
        };
    }

    /// Takes a turn and then a place. Returns how long the turn is to be waited for, in milliseconds.
    fn enter(&mut self, now: Millis) -> Result<u64, Fault> {
        let series = &self.endpoint.series;
        let turn = match self.turn.take() {
            Some(turn) => turn,
            None => {
                let turn = self.endpoint.live.turn(now, self.turn_max_ms);
                let turn = turn.inspect_err(|_| series.capped(true))?;
                if turn.wait_ms > 0 {
                    series.capped(false);
                    return Ok(self.turn.insert(turn).wait_ms);
                }
                turn
            }
        };
        let place = self.endpoint.live.enter(self.effective);
        self.place = Some(place.map_err(|component| {
            series.denied(component);
            full(component)
        })?);
        turn.used();
        // The adapter is not to blame for what came before.
        self.started = now;
        Ok(0)
    }

    /// Asks the adapter's actor to be let through an open circuit.
    fn probe(&mut self, call: Call) -> Opening {
        let pass = Rc::clone(self.pass.insert(Rc::default()));
        let (actor, adapter) = (self.endpoint.actor.clone(), Rc::clone(&self.adapter));
        Box::pin(async move {
            match actor.send(AskProbe).await {
                Ok(Some(given)) => {
                    pass.set(Some(given));
                    adapter.stream(call).await
                }
                Ok(None) | Err(_) => {
                    Err(Fault::new(Code::Circuit, "the adapter's circuit is open").scoped(Scope::Lane))
                }
            }
        })
    }

    /// The next thing that happens; pending while paused.
    pub(super) fn poll(&mut self, now: Millis, context: &mut Context<'_>) -> Poll<Signal> {
        loop {
            match &mut self.state {
                State::Waiting(sleep, _) => {
                    std::task::ready!(sleep.as_mut().poll(context));
                    self.begin(now);
                }
                State::Opening(opening) => {
                    return Poll::Ready(match std::task::ready!(opening.as_mut().poll(context)) {
                        Ok(stream) => {
                            self.state = State::Running(stream);
                            Signal::Accepted
                        }
                        Err(fault) => {
                            self.finish(now, Some(fault.code));
                            Signal::Refused(fault)
                        }
                    });
                }
                State::Running(_) if self.is_paused => return Poll::Pending,
                State::Running(stream) => {
                    let event = std::task::ready!(stream.as_mut().poll_next(context));
                    if let Some(signal) = self.take(event, now) {
                        return Poll::Ready(signal);
                    }
                }
                State::Over => return Poll::Pending,
            }
        }
    }

    fn take(&mut self, event: Option<Result<LaneEvent, Fault>>, now: Millis) -> Option<Signal> {
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(fault)) => {
                self.finish(now, Some(fault.code));
                return Some(Signal::Failed(fault));
            }
            None => {
                self.finish(now, Some(Code::Adapter));
                let fault = Fault::new(Code::Adapter, "the adapter ended its answer without saying so");
                return Some(Signal::Failed(fault.scoped(Scope::Lane)));
            }
        };
        Some(match event {
            LaneEvent::Forward {
                bytes,
                out_tokens,
                usage,
            } => self.chunk(
                now,
                Piece::Forward(bytes),
                u64::from(out_tokens),
                Some(out_tokens),
                usage,
                None,
            ),
            LaneEvent::Partial(partial) => {
                let tokens = partial.out_tokens.unwrap_or_else(|| guess(&partial.text));
                let piece = Piece::Read {
                    text: partial.text,
                    data: partial.data,
                };
                self.chunk(
                    now,
                    piece,
                    u64::from(tokens),
                    partial.out_tokens,
                    partial.usage,
                    partial.confidence,
                )
            }
            LaneEvent::Log { level, text } => Signal::Log {
                level: level.into(),
                text: text.into(),
            },
            LaneEvent::Status(status) => Signal::Status(status),
            LaneEvent::Congested => Signal::Congested,
            // Nobody can answer it over this surface: the adapter's own timeout decides.
            LaneEvent::Question(_) => return None,
            LaneEvent::Final(last) => {
                let end = self.end(*last);
                self.finish(now, None);
                Signal::Ended(Box::new(end))
            }
        })
    }

    fn chunk(
        &mut self,
        now: Millis,
        piece: Piece,
        seen: u64,
        tokens: Option<u32>,
        usage: Option<Metered>,
        confidence: Option<f64>,
    ) -> Signal {
        self.first_chunk.get_or_insert(now);
        self.seq += 1;
        self.seen_tokens += seen;
        if let Some(metered) = usage {
            self.meter(metered);
        }
        Signal::Chunk(Chunk {
            seq: self.seq,
            piece,
            tokens,
            usage: self.usage,
            confidence,
        })
    }

    /// Takes the adapter's word on usage, as far as it can be believed.
    fn meter(&mut self, reported: Metered) {
        let metered = believable(reported, self.effective);
        let is_told = self
            .usage
            .is_some_and(|usage| usage.source == UsageSource::Unknown);
        if metered != reported && !is_told {
            warn!(
                adapter = %self.endpoint.name.id,
                ?reported,
                ?metered,
                "a report of usage cannot be true and is cut; look at the provider"
            );
        }
        self.usage = Some(priced(self.price, metered));
    }

    fn end(&mut self, last: LaneFinal) -> LaneEnd {
        self.is_ended = true;
        self.span.record("confidence", last.confidence);
        if let Some(metered) = last.usage {
            self.meter(metered);
        } else {
            self.seen_tokens += u64::from(last.out_tokens.unwrap_or_else(|| said(&last)));
        }
        LaneEnd {
            last_seq: Some(self.seq),
            rest: reconcile::Answer {
                text: last.text.unwrap_or_default(),
                data: last.data,
                findings: self.attributed(last.findings),
                tool_calls: last.tool_calls,
                model: last.model,
                finish_reason: last.finish_reason,
                body: last.body,
            },
            confidence: last.confidence,
            usage: self.usage,
            citations: Vec::new(),
            has_failed_tests: false,
        }
    }

    /// Findings that do not say who reported them are their adapter's, as `agent#seq` (atp.md 21.1).
    fn attributed(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        for finding in findings
            .iter_mut()
            .filter(|finding| finding.provenance.is_empty())
        {
            finding
                .provenance
                .push(format!("{}#{}", self.endpoint.name.id, self.seq + 1));
        }
        findings
    }

    /// Whether the adapter was asked at all.
    pub(super) const fn was_sent(&self) -> bool {
        !matches!(self.state, State::Waiting(..))
    }

    /// What the adapter reported, if it did.
    pub(super) const fn reported(&self) -> Option<Usage> {
        self.usage
    }

    /// What the call has used so far: reported, else counted against `estimate`.
    pub(super) fn used(&self, estimate: &Estimate) -> Usage {
        match self.usage {
            Some(usage) if self.is_ended => usage,
            Some(usage) => at_least(self.price, usage, self.seen_tokens),
            None => Usage {
                in_tokens: estimate.in_tokens,
                out_tokens: self.seen_tokens,
                usd_micros: self.price.cost(estimate.in_tokens, self.seen_tokens),
                source: UsageSource::Estimated,
            },
        }
    }

    /// All that was held for the call: what it used is not known (ADR-0005).
    pub(super) const fn all(&self, estimate: &Estimate) -> Usage {
        Usage {
            in_tokens: estimate.in_tokens,
            out_tokens: self.effective.tokens.saturating_sub(estimate.in_tokens),
            usd_micros: self.effective.usd_micros,
            source: UsageSource::Unknown,
        }
    }

    /// Time to the first chunk in milliseconds, or to `now`.
    fn waited_ms(&self, now: Millis) -> f64 {
        self.first_chunk.unwrap_or(now).since(self.started) as f64
    }

    fn finish(&mut self, now: Millis, failed: Option<Code>) {
        self.state = State::Over;
        let was_asked = self.place.take().is_some();
        let latency_ms = now.since(self.started);
        spans::request::call_ended(&self.span, self.usage, latency_ms, failed);
        if !was_asked {
            // That we found no room for a call says nothing about how the adapter does.
            return;
        }
        self.endpoint.reports.report(Finished {
            at: now,
            permit: self.pass.take().and_then(|pass| pass.take()?.used()),
            failed,
            first_chunk_ms: self.waited_ms(now),
            target_ms: self.target_ms,
            cost: self
                .usage
                .filter(|_| failed.is_none())
                .map(|usage| [self.estimated, self.effective, usage.amount()]),
            is_own_estimate: self.is_own_estimate,
        });
    }

    /// What is still to come, to be drained to its usage; the call itself is over.
    pub(super) fn into_rest(mut self) -> Option<(Rest, Place)> {
        let rest = match std::mem::replace(&mut self.state, State::Over) {
            State::Opening(opening) => Rest::Opening(opening),
            State::Running(stream) => Rest::Running(stream),
            State::Waiting(..) | State::Over => return None,
        };
        // Without a place nothing was sent.
        Some((rest, self.place.take()?))
    }
}

/// Money is the operator's price unless the adapter is the one who bills.
pub(super) fn priced(price: Price, metered: Metered) -> Usage {
    Usage {
        in_tokens: metered.in_tokens,
        out_tokens: metered.out_tokens,
        usd_micros: metered
            .usd_micros
            .unwrap_or_else(|| price.cost(metered.in_tokens, metered.out_tokens)),
        source: metered.source,
    }
}

/// Usage reported on the way, raised to the output that was seen: some providers report the prompt first and the answer last.
pub(super) fn at_least(price: Price, reported: Usage, seen_tokens: u64) -> Usage {
    if reported.out_tokens >= seen_tokens {
        return reported;
    }
    Usage {
        in_tokens: reported.in_tokens,
        out_tokens: seen_tokens,
        usd_micros: price.cost(reported.in_tokens, seen_tokens),
        source: UsageSource::Estimated,
    }
}

/// Tokens of what comes with the last event.
fn said(last: &LaneFinal) -> u32 {
    let text = last.text.as_deref().map_or(0, guess);
    let calls = last
        .tool_calls
        .as_ref()
        .map_or(0, |calls| guess(&calls.to_string()));
    text.saturating_add(calls)
}

/// A quarter of the bytes, rounded up.
fn guess(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(4)).unwrap_or(u32::MAX)
}
