//! Relays between nodes that are played by the tests: what they receive is looked at as bytes, what they answer is written out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::to_bytes;
use atp_actors::owners::Owners;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::ids::TenantId;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::{Dial, Relay, Wanted, Work};
use crate::environment::ByteStream;

/// Nodes by number; a connection to one is a duplex stream whose other end the test takes.
#[derive(Clone, Default)]
struct Nodes(Rc<RefCell<BTreeMap<NodeId, mpsc::Sender<DuplexStream>>>>);

impl Nodes {
    fn start(&self, number: u16) -> mpsc::Receiver<DuplexStream> {
        let (sender, connections) = mpsc::channel(4);
        self.0.borrow_mut().insert(node(number), sender);
        connections
    }
}

impl Dial for Nodes {
    fn dial(&self, to: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let node = self.0.borrow().get(&to).cloned();
        async move {
            let node = node.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = duplex(64 << 10);
            node.send(far)
                .await
                .map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(near) as Box<dyn ByteStream>)
        }
        .boxed_local()
    }
}

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

const WORK: Wanted<'static> = Wanted::Work {
    session: Some("s-1"),
    key: None,
};

fn relay(nodes: &Nodes) -> Rc<Relay> {
    let owners = Arc::new(Owners::new(node(1), 8));
    let runs = Box::new(|_: &_, _: Work<'_>| None);
    let dial = Box::new(nodes.clone());
    Rc::new(Relay::new(owners, dial, runs, Arc::default(), Box::new(|| false)))
}

/// A relay, and the second node to which it may relay.
fn to_second() -> (Rc<Relay>, mpsc::Receiver<DuplexStream>) {
    let nodes = Nodes::default();
    let second = nodes.start(2);
    (relay(&nodes), second)
}

fn request(body: &'static str) -> http::Request<Bytes> {
    http::Request::post("/v1/ask?x=1")
        .header("x-session-id", "s-1")
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// Reads what ends with `end`.
async fn heard(stream: &mut DuplexStream, end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "closed early");
    }
    String::from_utf8(heard).unwrap()
}

async fn run(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_request_arrives_as_it_was_and_its_reply_comes_back_as_it_is() {
    run(async {
        let (relay, mut second) = to_second();
        let serving = async {
            let mut stream = second.recv().await.unwrap();
            let heard = heard(&mut stream, "work").await;
            let answer = "HTTP/1.1 201 Created\r\nx-atp-hold: 7\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            (heard, stream)
        };
        let body = request("work");
        let (reply, (heard, _stream)) = tokio::join!(relay.forward(node(2), &body), serving);
        assert!(heard.starts_with("POST /v1/ask?x=1 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("x-session-id: s-1\r\n") && heard.contains("content-length: 4\r\n"));
        let reply = reply.unwrap();
        assert_eq!(reply.status(), 201);
        assert_eq!(reply.headers().get("x-atp-hold").unwrap(), "7");
        assert!(!reply.headers().contains_key("transfer-encoding"));
        assert_eq!(to_bytes(reply.into_body()).await.unwrap(), "onetwo");
    })
    .await;
}

#[tokio::test]
async fn a_connection_whose_reply_was_read_carries_the_next_request() {
    run(async {
        let (relay, mut second) = to_second();
        let serving = async {
            let mut stream = second.recv().await.unwrap();
            for _ in 0..2 {
                heard(&mut stream, "work").await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            stream
        };
        let asking = async {
            for _ in 0..2 {
                let reply = relay.forward(node(2), &request("work")).await.unwrap();
                assert_eq!(to_bytes(reply.into_body()).await.unwrap(), "ok");
            }
        };
        let ((), _stream) = tokio::join!(asking, serving);
        assert!(second.try_recv().is_err(), "one connection is enough");
    })
    .await;
}

#[tokio::test]
async fn a_node_that_does_not_own_the_session_says_who_does_and_is_believed_once() {
    run(async {
        let nodes = Nodes::default();
        let (mut second, mut third) = (nodes.start(2), nodes.start(3));
        let relay = relay(&nodes);
        let not_mine = |owner: u16| {
            format!("HTTP/1.1 421 Misdirected Request\r\nx-atp-owner: {owner}\r\ncontent-length: 0\r\n\r\n")
        };
        let serving = async {
            let mut at_second = second.recv().await.unwrap();
            heard(&mut at_second, "work").await;
            at_second.write_all(not_mine(3).as_bytes()).await.unwrap();
            let mut at_third = third.recv().await.unwrap();
            heard(&mut at_third, "work").await;
            at_third.write_all(not_mine(2).as_bytes()).await.unwrap();
            (at_second, at_third)
        };
        let body = request("work");
        let (reply, _streams) = tokio::join!(relay.forward(node(2), &body), serving);
        let fault = reply.unwrap_err();
        assert!(fault.to_string().contains("owner changes"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn an_owner_lost_before_it_answers_leaves_the_outcome_unknown() {
    run(async {
        let (relay, mut second) = to_second();
        let serving = async {
            let mut stream = second.recv().await.unwrap();
            heard(&mut stream, "work").await;
        };
        let body = request("work");
        let (reply, ()) = tokio::join!(relay.forward(node(2), &body), serving);
        let fault = reply.unwrap_err();
        assert!(fault.to_string().contains("not known"), "{fault}");
        let unreachable = relay.forward(node(9), &body).await.unwrap_err();
        assert!(
            unreachable.to_string().contains("cannot be reached"),
            "{unreachable}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_an_election_but_not_for_ever() {
    run(async {
        let relay = relay(&Nodes::default());
        let tenant = TenantId::new("acme").unwrap();
        let waited = relay.owner(&tenant, WORK, None).await.unwrap_err();
        assert!(waited.to_string().contains("no leader"), "{waited}");
        let electing = async {
            GroupId::journals(8).for_each(|group| relay.owners.set(group, Some(node(3))));
        };
        let (owner, ()) = tokio::join!(relay.owner(&tenant, WORK, None), electing);
        assert_eq!(owner.unwrap(), Some(node(3)));
    })
    .await;
}
