//! Who is no member of the cluster.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atp_node::identity::{Authority, LIFETIME_DAYS, Membership};
use atp_protocol::units::UnixMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
