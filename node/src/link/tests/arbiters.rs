//! Which thread serves what.

use std::rc::Rc;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Lane, Refusal, Service};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::service::ECHO;
use super::{Cluster, connected, node, on_arbiter, until};
use crate::link::{Duplex, Services, Standing};

const SECOND: Duration = Duration::from_secs(1);

/// Answers with the name of its thread.
struct Named;

impl Services for Named {
    fn call(
        &self,
        _: NodeId,
        _: Service,
        _: Bytes,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>> {
        let thread = std::thread::current();
        Box::pin(async move { Ok(Bytes::from(thread.name().unwrap_or_default().to_owned())) })
    }

    fn open(&self, _: NodeId, _: Service, _: Bytes, _: Duplex) {}
}

#[tokio::test]
async fn request_lanes_are_served_by_the_arbiters_in_turn_and_the_others_are_not() {
    on_arbiter(async {
        let cluster = Cluster::on_loopback();
        let two = cluster.dialler(cluster.identity("eu", 2, "n2"), &[]);
        let mut arbiters = Vec::new();
        for name in ["first", "second"] {
            let (sender, arrivals) = mpsc::channel(8);
            let two = two.clone();
            let thread = std::thread::Builder::new().name(name.to_owned());
            let spawned = thread.spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                LocalSet::new().block_on(&runtime, two.host(arrivals, Rc::new(Named)));
            });
            spawned.unwrap();
            arbiters.push(sender);
        }
        let loopback = ([127, 0, 0, 1], 0).into();
        let listener = cluster.environment.network.listen(loopback).await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        tokio::task::spawn_local(async move { two.accept(listener, Rc::new(Named), arbiters).await });

        let one = cluster.dialler(cluster.identity("eu", 1, "n1"), &[]);
        one.set_members([(node(2), address)].into());
        connected(&one, 2).await;
        let another = one.on_this_thread();
        connected(&another, 2).await;
        let mut served = Vec::new();
        for (link, lane) in [
            (&one, Lane::Requests),
            (&another, Lane::Requests),
            (&one, Lane::Control),
            (&another, Lane::Bulk),
        ] {
            let answer = link.call(node(2), lane, ECHO, b"", SECOND * 10).await.unwrap();
            served.push(String::from_utf8(answer.into()).unwrap());
        }
        served[..2].sort();
        assert_eq!(served[..2], ["first", "second"]);
        let here = std::thread::current().name().unwrap().to_owned();
        assert_eq!(served[2..], [here.clone(), here]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_thread_has_requests_of_its_own_and_shares_the_other_lanes() {
    on_arbiter(async {
        let cluster = Cluster::new();
        let (one, _two, _everything) = cluster.pair().await;
        let lanes = |wanted: Lane| {
            let up = one
                .status()
                .into_iter()
                .filter(|status| status.lane == wanted && matches!(status.standing, Standing::Up { .. }));
            up.count()
        };
        let another = one.on_this_thread();
        until("connected as well", || lanes(Lane::Requests) == 2).await;
        assert_eq!((lanes(Lane::Control), lanes(Lane::Bulk)), (1, 1));
        drop(another);
        until("let go with its thread's link", || lanes(Lane::Requests) == 1).await;
    })
    .await;
}
