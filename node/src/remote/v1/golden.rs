//! Samples of version 1: what a node of this release writes, and reads from every later one of the same service number.

use std::sync::Arc;

use atp_actors::adapter::{self, AdapterName, Form, LaneEvent, LaneFinal, Metered};
use atp_protocol::adapter::{AgentStatus, Health, UsageSource};
use atp_protocol::error::{self, Code, Scope};
use atp_protocol::ids::{AccountId, AdapterId, LaneId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Dialect, Identity, NativeBody};
use atp_protocol::units::Amount;
use bytes::Bytes;

use super::*;

const SAMPLES: &str = include_str!("golden.txt");

fn name() -> AdapterName {
    AdapterName {
        owner: Some(TenantId::new("acme").unwrap()),
        id: AdapterId::new("upper.example").unwrap(),
    }
}

fn call() -> adapter::Call {
    let raw = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"temperature":0.5,"tools":[ 1e20 ]}"#;
    let content: Content = serde_json::from_str(raw).unwrap();
    let identity = Identity::new(
        TenantId::new("acme").unwrap(),
        Some(AccountId::new("team").unwrap()),
    );
    let mut request = AgentRequest::new(RequestId::new("req_1").unwrap(), identity, content);
    request.native = Some(NativeBody {
        dialect: Dialect::OpenAiChat,
        bytes: Bytes::from_static(b"{ }"),
    });
    request.meta.task_type = Some("review".to_owned());
    request.meta.other = vec![("team".to_owned(), 7.into())];
    adapter::Call {
        lane: LaneId::default(),
        persona_prompt: Some("be brief".into()),
        form: Form::Forward,
        deadline_ms: 1_500,
        budget: Amount {
            tokens: 10,
            usd_micros: 20,
        },
        max_output_tokens: Some(5),
        idempotency_key: "req_1.0.1".into(),
        traceparent: Some("00-1-2-01".into()),
        diversity_seed: Some(3),
        ..adapter::Call::new(Arc::new(request), "m".into())
    }
}

fn events() -> Vec<LaneEvent> {
    let usage = Some(Metered {
        in_tokens: 1,
        out_tokens: 2,
        usd_micros: None,
        source: UsageSource::Reported,
    });
    vec![
        LaneEvent::Forward {
            bytes: Bytes::from_static(b"data: x\n\n"),
            out_tokens: 1,
            usage,
        },
        LaneEvent::Partial(adapter::Partial {
            text: "a".to_owned(),
            confidence: Some(0.5),
            ..adapter::Partial::default()
        }),
        LaneEvent::Log {
            level: "warn".to_owned(),
            text: "slow".to_owned(),
        },
        LaneEvent::Question(adapter::Question {
            question_id: "q".to_owned(),
            text: "which?".to_owned(),
            options: vec!["a".to_owned()],
            is_required: true,
            timeout_ms: 9,
        }),
        LaneEvent::Status(AgentStatus::Busy),
        LaneEvent::Congested,
        LaneEvent::Final(Box::new(LaneFinal {
            body: Some(Bytes::from_static(b"{}")),
            text: Some("b".to_owned()),
            usage,
            finish_reason: Some("stop".to_owned()),
            ..LaneFinal::default()
        })),
    ]
}

fn asks() -> Vec<(Ask, Bytes)> {
    let (streamed, body) = Call::of(&name(), &call());
    let ask = Ask::Stream(Box::new(streamed));
    vec![(ask, body), (Ask::Health((&name()).into()), Bytes::new())]
}

fn answers() -> Vec<(Answer, Bytes)> {
    let fault = error::Fault::new(Code::WindowAgent, "full")
        .scoped(Scope::Lane)
        .retry_after(7)
        .outcome_unknown();
    let events = events().into_iter().map(Event::of);
    [
        Answer::Accepted,
        Answer::Fault(fault.into()),
        Answer::Estimate(Estimate::default()),
        Answer::Health(Health::HEALTHY),
    ]
    .into_iter()
    .map(|answer| (answer, Bytes::new()))
    .chain(events.map(|(event, bytes)| (Answer::Event(event), bytes)))
    .collect()
}

fn line(head: &impl Serialize, body: &[u8]) -> String {
    let head = serde_json::to_string(head).unwrap();
    format!("{head} {:?}\n", String::from_utf8_lossy(body))
}

#[test]
fn what_is_written_stays_as_it_is() {
    let asks = asks()
        .iter()
        .map(|(head, body)| line(head, body))
        .collect::<String>();
    let answers: String = answers().iter().map(|(head, body)| line(head, body)).collect();
    let written = asks + &answers;
    assert!(written == SAMPLES, "{written}");
}

#[test]
fn a_call_and_every_event_come_out_as_they_went_in() {
    let (wire, body) = Call::of(&name(), &call());
    let wire: Call = serde_json::from_str(&serde_json::to_string(&wire).unwrap()).unwrap();
    let (to, read) = wire.read(body);
    assert_eq!(to, name());
    assert_eq!(format!("{read:?}"), format!("{:?}", call()));
    for (event, before) in events().into_iter().zip(events()) {
        let (wire, bytes) = Event::of(event);
        let wire: Event = serde_json::from_str(&serde_json::to_string(&wire).unwrap()).unwrap();
        assert_eq!(format!("{:?}", wire.read(bytes)), format!("{before:?}"));
    }
}

#[test]
fn members_of_a_later_release_are_passed_over() {
    let later = r#"{"event":{"log":{"level":"info","text":"x","colour":"red"}}}"#;
    assert!(matches!(
        serde_json::from_str(later),
        Ok(Answer::Event(Event::Log { .. }))
    ));
}
