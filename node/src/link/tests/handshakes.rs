//! Who may connect, and how it is told otherwise.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_protocol::link::{Code, Frame, Hello, Lane, decode, encode};
use bytes::BytesMut;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::service::{ECHO, Everything};
use super::{Cluster, connected, node, on_arbiter, until};
use crate::environment::Socket;
use crate::identity::{Credentials, Rotating};
use crate::link::{Link, LinkSettings, Standing};

const SECOND: Duration = Duration::from_secs(1);

/// Why `link` has no control lane to member 2, once it says.
async fn trouble(link: &Link) -> String {
    let why = || {
        let mut status = link.status().into_iter();
        status.find_map(|lane| match lane.standing {
            Standing::Down { why } => why,
            Standing::Up { .. } => None,
        })
    };
    until("a reason", || why().is_some()).await;
    why().expect("it was there")
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_whatever_its_cluster_is_called() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let everything = Rc::new(Everything::default());
        let two = cluster.member(2, &[], Rc::clone(&everything) as _).await;
        cluster.authority("us");
        let stranger = cluster.dialler(cluster.identity("us", 1, "stranger"), &[2]);
        assert!(trouble(&stranger).await.contains("certificate"));
        assert!(!stranger.is_connected(node(2), Lane::Control));
        drop(two);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_old_certificate_is_refused() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let identity = cluster.identity("eu", 1, "n1");
        tokio::time::sleep(Duration::from_secs(91 * 24 * 60 * 60)).await;
        let _two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let one = cluster.dialler(identity, &[2]);
        let why = trouble(&one).await;
        assert!(why.to_lowercase().contains("expired"), "{why}");
        assert!(!one.is_connected(node(2), Lane::Control));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_node_than_the_one_meant_is_refused() {
    on_arbiter(async {
        let cluster = Cluster::new();
        // Node 3 answers at the address of node 2.
        let three = cluster.dialler(cluster.identity("eu", 3, "n3"), &[]);
        cluster.serve(&three, 2, Rc::new(Everything::default())).await;
        let one = cluster.dialler(cluster.identity("eu", 1, "n1"), &[2]);
        let why = trouble(&one).await;
        assert!(why.contains("node 2 was dialled and node 3 answers"), "{why}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn renewed_certificates_are_used_for_later_connections_and_running_ones_stay() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let identity = cluster.identity("eu", 1, "n1");
        let two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let one = cluster.dialler(Arc::clone(&identity), &[2]);
        connected(&one, 2).await;
        let mut stream = one.open(node(2), Lane::Requests, ECHO, b"before").await.unwrap();
        cluster.issue("eu", 1, "n1");
        assert!(matches!(identity.look(), crate::identity::Look::Renewed(_)));
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"before"[..]);
        for _ in 0..100 {
            one.call(node(2), Lane::Control, ECHO, b"on", SECOND)
                .await
                .unwrap();
        }
        stream.send(b"and after").await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap(), &b"and after"[..]);
        cluster.wires.cut();
        until("noticed", || !one.is_connected(node(2), Lane::Control)).await;
        connected(&one, 2).await;
        drop(two);
    })
    .await;
}

/// Shows no certificate.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

type Raw = TlsStream<Box<dyn Socket>>;

/// Member 1 by its certificate, saying what the test wants on the control lane.
async fn raw(cluster: &Cluster, identity: &Rotating) -> Raw {
    let config = (*identity.current().client(node(2))).clone();
    shake(cluster, config).await.expect("a member")
}

async fn shake(cluster: &Cluster, mut config: ClientConfig) -> std::io::Result<Raw> {
    config.alpn_protocols = vec![Lane::Control.alpn().to_vec()];
    let socket = cluster.wires.dial(2).await;
    TlsConnector::from(Arc::new(config))
        .connect(Credentials::server_name(), socket)
        .await
}

/// All that comes until the other side closes.
async fn told(raw: &mut Raw) -> BytesMut {
    let mut input = BytesMut::new();
    // The end may be a reset.
    while raw.read_buf(&mut input).await.unwrap_or(0) > 0 {}
    input
}

fn hello(number: u16, lane: Lane) -> BytesMut {
    let hello = Hello {
        lane,
        node: node(number),
        window: 65_536,
    };
    let mut out = BytesMut::new();
    encode(&Frame::<&[u8]>::Hello(hello), &mut out);
    out
}

#[tokio::test(start_paused = true)]
async fn a_hello_of_another_version_lane_or_node_is_refused_in_words() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let _two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let identity = cluster.identity("eu", 1, "n1");
        let mut later = hello(2, Lane::Control);
        later[4] = 9;
        for first in [later, hello(3, Lane::Control), hello(2, Lane::Bulk)] {
            let mut raw = raw(&cluster, &identity).await;
            raw.write_all(&first).await.unwrap();
            let Ok(Some(Frame::Goodbye { refusal })) = decode(&mut told(&mut raw).await) else {
                panic!("a goodbye");
            };
            assert_eq!(refusal.code, Code::MISTAKEN);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_connection_and_nothing_else() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let identity = cluster.identity("eu", 1, "again");
        for garbage in [&[0xff; 64][..], &[0; 64], b"GET / HTTP/1.1\r\n\r\n"] {
            let mut raw = raw(&cluster, &identity).await;
            raw.write_all(&hello(2, Lane::Control)).await.unwrap();
            raw.write_all(garbage).await.unwrap();
            let mut input = told(&mut raw).await;
            assert!(matches!(decode(&mut input), Ok(Some(Frame::Hello(_)))));
        }
        one.call(node(2), Lane::Control, ECHO, b"", SECOND).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_on_and_does_not_read_is_cut_off() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let _two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let mut raw = raw(&cluster, &cluster.identity("eu", 1, "n1")).await;
        raw.write_all(&hello(2, Lane::Control)).await.unwrap();
        let mut pings = BytesMut::new();
        for stamp in 0..4_096 {
            encode(&Frame::<&[u8]>::Ping { stamp }, &mut pings);
        }
        let begun = cluster.clock.now();
        let mut sent = 0;
        while raw.write_all(&pings).await.is_ok() && raw.flush().await.is_ok() {
            sent += pings.len();
            assert!(sent < 16 * 1024 * 1024, "all of it is kept");
        }
        assert_eq!(cluster.clock.now(), begun, "not for its silence");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_certificate_gets_no_word_of_ours() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let _two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let mut config = (*cluster.identity("eu", 1, "n1").current().client(node(2))).clone();
        config.client_auth_cert_resolver = Arc::new(Nobody);
        let mut raw = shake(&cluster, config).await.expect("the other side looks later");
        let _ = raw.write_all(&hello(2, Lane::Control)).await;
        assert!(told(&mut raw).await.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_is_let_go() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let _two = cluster.member(2, &[], Rc::new(Everything::default())).await;
        let mut silent = cluster.wires.dial(2).await;
        let begun = cluster.clock.now();
        let mut byte = [0];
        assert_eq!(silent.read(&mut byte).await.unwrap_or(0), 0);
        let waited = cluster.clock.now().since(begun);
        assert!(u128::from(waited) <= LinkSettings::default().handshake.as_millis() + 100);
    })
    .await;
}
