//! A [`Task`] as an adapter.

use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{
    Adapter, AdapterFactory, Call, LaneEvent, LaneFinal, LaneStream, Metered, Partial,
};
use atp_actors::cpu::Cpu;
use atp_protocol::adapter::{Capability, Health, UsageSource};
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, stream};
use tokio::sync::oneshot;

use super::task::{Answer, Brief, Task, tokens};

/// One task as an adapter, on one arbiter.
pub struct Builtin<T> {
    task: Arc<T>,
    capability: Arc<Capability>,
    cpu: Arc<dyn Cpu>,
}

impl<T: Task> Builtin<T> {
    /// An adapter that runs `task` on `cpu`.
    pub fn new(task: Arc<T>, cpu: Arc<dyn Cpu>) -> Self {
        Self {
            capability: Arc::new(task.capability()),
            task,
            cpu,
        }
    }

    /// Works the answer to a call out.
    fn answer(&self, call: &Call) -> LocalBoxFuture<'static, Result<Answer, Fault>> {
        let max_tokens = match (call.request.content.max_tokens, call.max_output_tokens) {
            (Some(asked), Some(paid)) => Some(asked.min(paid)),
            (asked, paid) => asked.or(paid),
        };
        let brief = Brief {
            content: call.request.content.clone(),
            max_tokens,
        };
        let (task, cpu) = (self.task.clone(), self.cpu.clone());
        async move {
            let (report, answer) = oneshot::channel();
            cpu.run(Box::new(move || {
                // Nobody waits for a call that was cancelled in the queue.
                if !report.is_closed() {
                    let _ = report.send(task.run(&brief));
                }
            }));
            answer.await.map_err(|_| {
                Fault::new(
                    Code::WindowAgent,
                    "the local CPU queue is full; retry in a moment",
                )
            })?
        }
        .boxed_local()
    }
}

impl<T: Task> Adapter for Builtin<T> {
    fn capability(&self) -> Arc<Capability> {
        self.capability.clone()
    }

    fn estimate(&self, _: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        // To know what the answer takes is to work it out, and nothing is held for that yet.
        let fault = Fault::new(Code::Unsupported, "the router estimates for built-ins");
        std::future::ready(Err(fault)).boxed_local()
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
        None => LaneEvent::Final(Box::new(LaneFinal {
            data: answer.data.clone(),
            findings: answer.findings.clone(),
            confidence: Some(answer.confidence),
            usage: Some(usage),
            model: Some(model.to_owned()),
            finish_reason: Some(if answer.is_cut { "length" } else { "stop" }.to_owned()),
            ..LaneFinal::default()
        })),
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
