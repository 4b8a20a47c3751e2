//! A [`Task`] as an adapter.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{
    Adapter, AdapterFactory, Call, LaneEvent, LaneFinal, LaneStream, Metered, Partial,
};
use atp_actors::cpu::Cpu;
use atp_protocol::adapter::{Capability, Health, UsageSource};
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::{Estimate, Variance};
use atp_protocol::ids::RequestId;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, stream};
use tokio::sync::oneshot;

use super::task::{Answer, Brief, Task, tokens};

/// Answers kept between a request's estimate and its lanes.
const KEPT: usize = 8;

/// One task as an adapter, on one arbiter.
///
/// An estimate does the work and keeps the answer, of the last eight requests, for the lanes that follow it.
pub struct Builtin<T> {
    task: Arc<T>,
    capability: Arc<Capability>,
    cpu: Arc<dyn Cpu>,
    kept: Rc<RefCell<Kept>>,
}

/// What an answer depends on: the request, which is immutable under its id, and the limit.
type Key = (RequestId, Option<u64>);

/// The latest answers, newest first.
type Kept = VecDeque<(Key, Arc<Answer>)>;

impl<T: Task> Builtin<T> {
    /// An adapter that runs `task` on `cpu`.
    pub fn new(task: Arc<T>, cpu: Arc<dyn Cpu>) -> Self {
        Self {
            capability: Arc::new(task.capability()),
            task,
            cpu,
            kept: Rc::default(),
        }
    }

    /// The answer to a call, worked out unless it is kept.
    fn answer(&self, call: &Call) -> LocalBoxFuture<'static, Result<Arc<Answer>, Fault>> {
        let max_tokens = match (call.request.content.max_tokens, call.max_output_tokens) {
            (Some(asked), Some(paid)) => Some(asked.min(paid)),
            (asked, paid) => asked.or(paid),
        };
        let key = (call.request.id.clone(), max_tokens);
        if let Some((_, answer)) = self.kept.borrow().iter().find(|(kept, _)| *kept == key) {
            return std::future::ready(Ok(answer.clone())).boxed_local();
        }
        let brief = Brief {
            content: call.request.content.clone(),
            max_tokens,
        };
        let (task, cpu, kept) = (self.task.clone(), self.cpu.clone(), self.kept.clone());
        async move {
            let (report, answer) = oneshot::channel();
            cpu.run(Box::new(move || {
                // Nobody waits for a call that was cancelled in the queue.
                if !report.is_closed() {
                    let _ = report.send(task.run(&brief));
                }
            }));
            let answer = answer.await.map_err(|_| {
                Fault::new(
                    Code::WindowAgent,
                    "the local CPU queue is full; retry in a moment",
                )
            })??;
            let answer = Arc::new(answer);
            let mut kept = kept.borrow_mut();
            kept.truncate(KEPT - 1);
            kept.push_front((key, answer.clone()));
            Ok(answer)
        }
        .boxed_local()
    }
}

impl<T: Task> Adapter for Builtin<T> {
    fn capability(&self) -> Arc<Capability> {
        self.capability.clone()
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let in_tokens = tokens(call.request.content.text_bytes());
        let answer = self.answer(call);
        async move {
            let out_tokens = tokens(answer.await?.pieces.iter().map(String::len).sum());
            Ok(Estimate {
                in_tokens,
                out_tokens,
                p95_tokens: Some(in_tokens + out_tokens),
                variance: Some(Variance::default()),
                confidence: Some(1.0),
                assumptions: vec!["one token is four bytes, rounded up".to_owned()],
                ..Estimate::default()
            })
        }
        .boxed_local()
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let in_tokens = tokens(call.request.content.text_bytes());
        let answer = self.answer(&call);
        async move {
            let answer = answer.await?;
            let events = (0..=answer.pieces.len()).scan(0, move |bytes, at| {
                *bytes += answer.pieces.get(at).map_or(0, String::len);
                let usage = Metered {
                    in_tokens,
                    out_tokens: tokens(*bytes),
                    usd_micros: None,
                    source: UsageSource::Reported,
                };
                Some(Ok(event(&answer, at, usage, &call.model)))
            });
            Ok(Box::pin(stream::iter(events)) as LaneStream)
        }
        .boxed_local()
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        std::future::ready(Ok(Health::HEALTHY)).boxed_local()
    }
}

/// The event at a position: a piece, or the final after the last.
fn event(answer: &Answer, at: usize, usage: Metered, model: &str) -> LaneEvent {
    match answer.pieces.get(at) {
        Some(piece) => LaneEvent::Partial(Partial {
            text: piece.clone(),
            out_tokens: Some(u32::try_from(tokens(piece.len())).unwrap_or(u32::MAX)),
            usage: Some(usage),
            ..Partial::default()
        }),
        None => LaneEvent::Final(LaneFinal {
            data: answer.data.clone(),
            findings: answer.findings.clone(),
            confidence: Some(answer.confidence),
            usage: Some(usage),
            model: Some(model.to_owned()),
            finish_reason: Some(if answer.is_cut { "length" } else { "stop" }.to_owned()),
            ..LaneFinal::default()
        }),
    }
}

/// A factory of adapters for `task`.
pub(super) fn factory<T: Task>(task: T, cpu: &Arc<dyn Cpu>) -> Arc<dyn AdapterFactory> {
    struct Factory<T> {
        task: Arc<T>,
        cpu: Arc<dyn Cpu>,
    }
    impl<T: Task> AdapterFactory for Factory<T> {
        fn build(&self) -> Rc<dyn Adapter> {
            Rc::new(Builtin::new(self.task.clone(), self.cpu.clone()))
        }
    }
    Arc::new(Factory {
        task: Arc::new(task),
        cpu: cpu.clone(),
    })
}

#[cfg(test)]
mod tests;
