//! Who is no member of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atp_node::environment::Environment;
use atp_node::identity::{Authority, LIFETIME_DAYS, Membership, Rotating};
use atp_node::link::{Link, LinkError, LinkSettings, Standing};
use atp_node::telemetry::Exposition;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Lane, Service};
use atp_protocol::units::UnixMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::fixture::{Cluster, atpctl, state};
use crate::fixture::{Mock, until, within};

#[tokio::test]
async fn a_stranger_with_a_certificate_of_its_own_authority_is_refused() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 1).await;
    let link = cluster.free();
    atpctl(&cluster.path("."), "init other --name test");
    atpctl(
        &cluster.path("."),
        &format!("join other --node 2 --address {link} --out stranger"),
    );
    let setup = cluster.setup(&cluster.path("stranger"), link);
    let stranger = setup.clone().start().await;
    cluster.admit(2, link).await;
    until("the stranger to be found out", async || {
        let log = cluster.node(1).log();
        log.contains("cannot reach a member").then_some(())
    })
    .await;
    let state = state(cluster.node(1)).await;
    assert_eq!(state["members"][1]["reached"], false, "{state}");
    drop(stranger);
}

#[tokio::test]
async fn a_node_with_an_expired_certificate_does_not_start() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 1).await;
    let authority = Authority::open(&cluster.path("ca")).unwrap();
    let link = cluster.free();
    let member = Membership {
        cluster: authority.cluster().clone(),
        node: "2".parse().unwrap(),
        address: link.to_string().parse().unwrap(),
    };
    #[expect(clippy::disallowed_methods, reason = "certificates go by the time of day")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let lifetime = Duration::from_secs((LIFETIME_DAYS + 1) * 24 * 60 * 60);
    let long_ago = UnixMillis(u64::try_from((now - lifetime).as_millis()).unwrap());
    authority.issue(&member, &cluster.path("n2"), long_ago).unwrap();
    let said = cluster.setup(&cluster.path("n2"), link).start_refused();
    assert!(said.contains("expired"), "{said}");
}

#[tokio::test]
async fn who_shows_no_certificate_gets_nothing_but_an_end() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 1).await;
    let state = state(cluster.node(1)).await;
    let link = state["members"][0]["link"].as_str().unwrap();
    let mut stream = TcpStream::connect(link).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut told = Vec::new();
    // A reset is an end too.
    let _ = within("the connection to end", stream.read_to_end(&mut told)).await;
    // At most an alert of TLS: type 21, version, two bytes.
    assert!(told.is_empty() || told[0] == 21 && told.len() <= 7, "{told:?}");
}

/// The number of gossip on the control lane.
const GOSSIP: Service = Service(5);

/// A message of gossip, as far as whoever may not send one needs to know.
const MESSAGE: [u8; 4] = [0x53, 0xb0, 0, 0];

/// What a cluster's first member answers to gossip of whoever has this directory.
async fn gossip(cluster: &Cluster, directory: &str) -> Result<Vec<u8>, LinkError> {
    let environment = Environment::real(1);
    let identity = Rotating::open(&cluster.path(directory), Arc::clone(&environment.clock));
    let identity = Arc::new(identity.expect("it was just issued"));
    let first = NodeId::new(1).expect("a number above 0");
    let state = state(cluster.node(1)).await;
    let address = state["members"][0]["link"].as_str().expect("a text").parse();
    let address = address.expect("an address");
    let answering = async {
        let meter = Arc::clone(&Exposition::new().meter);
        let link = Link::start(&environment, meter, identity, LinkSettings::default());
        link.set_members(BTreeMap::from([(first, address)]));
        let refused = || {
            let mut troubles = link.status().into_iter();
            troubles.any(|lane| matches!(lane.standing, Standing::Down { why: Some(_) }))
        };
        until("the member to be reached, or to refuse", async || {
            (link.is_connected(first, Lane::Control) || refused()).then_some(())
        })
        .await;
        let patience = Duration::from_secs(5);
        let answer = link.call(first, Lane::Control, GOSSIP, MESSAGE, patience).await;
        link.stop().await;
        answer.map(|answer| answer.to_vec())
    };
    LocalSet::new().run_until(answering).await
}

#[tokio::test]
async fn whoever_is_no_member_cannot_gossip() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 1).await;
    let link = cluster.free();
    let issue = |authority: &str, node: u16| {
        let line = format!("join {authority} --node {node} --address {link} --out {authority}{node}");
        atpctl(&cluster.path("."), &line);
    };
    issue("ca", 7);
    atpctl(&cluster.path("."), "init other --name test");
    issue("other", 7);
    let stranger = gossip(&cluster, "other7").await;
    assert_eq!(stranger, Err(LinkError::Unreachable), "another authority's");
    match gossip(&cluster, "ca7").await {
        Err(LinkError::Refused { code, text }) => {
            assert_eq!(code, Code::NO_SERVICE);
            assert!(text.contains("no member"), "{text}");
        }
        other => panic!("one that nobody took in: {other:?}"),
    }
    cluster.admit(7, link).await;
    until("a member to be heard", async || {
        gossip(&cluster, "ca7").await.ok()
    })
    .await;
}
