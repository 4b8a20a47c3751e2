use std::cell::RefCell;

use atp_protocol::adapter::{Health, UsageSource};
use atp_protocol::estimate::Estimate;
use futures_util::future::LocalBoxFuture;
use futures_util::stream;
use serde_json::json;

use super::*;
use crate::adapter::{LaneFinal, LaneStream, Partial};

/// Answers as it is told to.
struct Scripted {
    capability: Arc<Capability>,
    estimate: Option<Result<Estimate, Fault>>,
    events: RefCell<Vec<LaneEvent>>,
    health: Result<Health, Fault>,
}

impl Scripted {
    fn new(estimates: bool, events: Vec<LaneEvent>) -> Self {
        let content = json!({ "adapter_id": "a", "adapter_type": "x", "capabilities": [], "models": ["m"], "estimate": estimates });
        Self {
            capability: Arc::new(serde_json::from_value(content).unwrap()),
            estimate: None,
            events: RefCell::new(events),
            health: Ok(Health::HEALTHY),
        }
    }

    async fn verdict(self) -> Result<(), (Code, String)> {
        let call = call(RequestId::new("r").unwrap(), &self.capability);
        let verdict = tried(&self, call).await;
        verdict.map_err(|fault| (fault.code, fault.detail.into_owned()))
    }
}

impl Adapter for Scripted {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.capability)
    }

    fn estimate(&self, _: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        match self.estimate.clone() {
            Some(answer) => Box::pin(std::future::ready(answer)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn stream(&self, _: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let events = self.events.take().into_iter().map(Ok);
        Box::pin(std::future::ready(Ok(
            Box::pin(stream::iter(events)) as LaneStream
        )))
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        Box::pin(std::future::ready(self.health.clone()))
    }
}

fn used(out_tokens: u64) -> Option<Metered> {
    Some(Metered {
        in_tokens: 1,
        out_tokens,
        usd_micros: None,
        source: UsageSource::Reported,
    })
}

fn partial(usage: Option<Metered>) -> LaneEvent {
    LaneEvent::Partial(Partial {
        usage,
        ..Partial::default()
    })
}

fn last(usage: Option<Metered>) -> LaneEvent {
    LaneEvent::Final(Box::new(LaneFinal {
        usage,
        ..LaneFinal::default()
    }))
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_estimate_is_not_asked_to() {
    let events = vec![partial(used(1)), partial(None), last(used(2))];
    assert_eq!(Scripted::new(false, events).verdict().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn one_that_says_it_estimates_does_so_in_time() {
    let mute = Scripted::new(true, vec![last(None)]).verdict().await.unwrap_err();
    assert_eq!(mute.0, Code::Timeout);
    assert!(mute.1.contains("estimate"), "{}", mute.1);
    let wrong = Scripted {
        estimate: Some(Err(Fault::new(Code::BadInput, "in_tokens must not be negative"))),
        ..Scripted::new(true, vec![last(None)])
    };
    assert_eq!(wrong.verdict().await.unwrap_err().0, Code::BadInput);
    let right = Scripted {
        estimate: Some(Ok(Estimate::default())),
        ..Scripted::new(true, vec![last(None)])
    };
    assert_eq!(right.verdict().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_upwards_and_ends_with_a_final() {
    let falling = Scripted::new(false, vec![partial(used(7)), last(used(5))]);
    let (code, detail) = falling.verdict().await.unwrap_err();
    assert_eq!(code, Code::Adapter);
    assert!(detail.contains("usage fell"), "{detail}");
    let endless = Scripted::new(false, vec![partial(used(7))]);
    assert!(endless.verdict().await.unwrap_err().1.contains("without a final"));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_gone_by_the_end_has_not_passed() {
    let gone = Scripted {
        health: Err(Fault::new(Code::AgentDown, "the agent's connection was lost")),
        ..Scripted::new(false, vec![last(None)])
    };
    assert_eq!(gone.verdict().await.unwrap_err().0, Code::AgentDown);
}
