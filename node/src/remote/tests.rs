use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use atp_actors::adapter::{Adapter, AdapterName, Call, LaneEvent, LaneFinal, Partial};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault, Retry, Scope};
use atp_protocol::ids::{AdapterId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity};
use futures_util::future::{LocalBoxFuture, ready};
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::adapter::RemoteAdapter;
use super::frames;
use super::lanes::Open;
use super::v1::{Answer, Ask, Event};
use crate::environment::ByteStream;

/// A link that carries one stream, then none.
struct Wire(Mutex<Option<DuplexStream>>);

impl Open for Wire {
    fn open(&self, _: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let stream = self.0.lock().unwrap().take();
        let stream = stream.map(|stream| Box::new(stream) as Box<dyn ByteStream>);
        ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into())).boxed_local()
    }
}

/// An adapter of another node, and that node's end of the stream.
fn remote() -> (RemoteAdapter, DuplexStream) {
    let (here, there) = duplex(4_096);
    let id = AdapterId::new("a").unwrap();
    let capability = Arc::new(Capability::new(id.clone(), "x"));
    let wire = Arc::new(Wire(Mutex::new(Some(here))));
    let node = NodeId::new(2).unwrap();
    let adapter = RemoteAdapter::new(AdapterName::everybodys(id), capability, node, wire);
    (adapter, there)
}

fn call(wants_stream: bool) -> Call {
    let identity = Identity::new(TenantId::new("acme").unwrap(), None);
    let mut request = AgentRequest::new(RequestId::new("r").unwrap(), identity, Content::prompt("hi"));
    request.wants_stream = wants_stream;
    Call::new(Arc::new(request), "m".into())
}

fn partial(text: &str) -> LaneEvent {
    LaneEvent::Partial(Partial {
        text: text.to_owned(),
        ..Partial::default()
    })
}

async fn tell(there: &mut DuplexStream, event: LaneEvent) -> io::Result<()> {
    let (event, bytes) = Event::of(event);
    frames::write(there, &Answer::Event(event), &bytes).await
}

/// Takes the question and accepts it.
async fn accept(there: &mut DuplexStream) -> Call {
    let (ask, body) = frames::read::<Ask>(there).await.unwrap();
    let Ask::Stream(call) = ask else {
        panic!("another question")
    };
    frames::write(there, &Answer::Accepted, b"").await.unwrap();
    call.read(body).1
}

#[tokio::test]
async fn a_call_arrives_whole_and_its_events_come_back_until_the_final() {
    let (adapter, mut there) = remote();
    let serving = async {
        let got = accept(&mut there).await;
        assert_eq!(format!("{got:?}"), format!("{:?}", call(true)));
        tell(&mut there, partial("a")).await.unwrap();
        tell(&mut there, LaneEvent::Final(Box::default())).await.unwrap();
        tell(&mut there, partial("after the end")).await.unwrap();
    };
    let (events, ()) = tokio::join!(adapter.stream(call(true)), serving);
    let events: Vec<_> = events.unwrap().map(Result::unwrap).collect().await;
    let last = LaneEvent::Final(Box::<LaneFinal>::default());
    assert_eq!(format!("{events:?}"), format!("{:?}", [partial("a"), last]));
}

#[tokio::test]
async fn whoever_drops_the_events_ends_the_stream() {
    let (adapter, mut there) = remote();
    let (events, _) = tokio::join!(adapter.stream(call(true)), accept(&mut there));
    drop(events);
    assert_eq!(
        there.read_u8().await.unwrap_err().kind(),
        io::ErrorKind::UnexpectedEof
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_reading_stops_the_other_side() {
    let (adapter, mut there) = remote();
    let (events, _) = tokio::join!(adapter.stream(call(true)), accept(&mut there));
    let mut events = events.unwrap();
    let sent = Rc::new(Cell::new(0));
    let counted = Rc::clone(&sent);
    let sending = async move {
        while tell(&mut there, partial("a piece of some length")).await.is_ok() {
            counted.set(counted.get() + 1);
        }
    };
    let reading = async {
        events.next().await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert!(sent.get() < 200, "{} were sent and nobody reads", sent.get());
        drop(events);
    };
    tokio::join!(sending, reading);
}

#[tokio::test]
async fn a_link_that_is_lost_is_the_adapters_failure_and_may_be_tried_again() {
    for wants_stream in [true, false] {
        let (adapter, mut there) = remote();
        let lose = async {
            accept(&mut there).await;
            drop(there);
        };
        let (events, ()) = tokio::join!(adapter.stream(call(wants_stream)), lose);
        let fault = events.unwrap().next().await.unwrap().unwrap_err();
        assert_eq!((fault.code, fault.scope), (Code::AgentDown, Scope::Lane));
        assert!(matches!(fault.retry(), Retry::After(_)), "{:?}", fault.retry());
        assert_eq!(
            fault.is_outcome_unknown, !wants_stream,
            "what was streamed was seen"
        );
        let unreached = adapter.stream(call(wants_stream)).await.err().unwrap();
        assert_eq!(unreached.code, Code::AgentDown);
        assert!(!unreached.is_outcome_unknown, "it was not sent");
    }
}

#[tokio::test]
async fn a_refusal_comes_back_as_it_was_and_another_answer_is_none() {
    let (adapter, mut there) = remote();
    let full = Fault::new(Code::WindowAgent, "full")
        .scoped(Scope::Lane)
        .retry_after(7);
    let refusal = Answer::Fault(full.clone().into());
    let refuse = async {
        frames::read::<Ask>(&mut there).await.unwrap();
        frames::write(&mut there, &refusal, b"").await.unwrap();
    };
    let (refused, ()) = tokio::join!(adapter.health(), refuse);
    assert_eq!(refused.unwrap_err(), full);

    let (adapter, mut there) = remote();
    let unfit = async {
        frames::read::<Ask>(&mut there).await.unwrap();
        let health = Answer::Health(Health::HEALTHY);
        frames::write(&mut there, &health, b"").await.unwrap();
    };
    let asked = call(true);
    let (estimate, ()) = tokio::join!(adapter.estimate(&asked), unfit);
    assert_eq!(estimate.unwrap_err().code, Code::Adapter);
}
