//! Relayed requests over the link: dialled here, served there.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use actix_http::Protocol;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Lane, Refusal, Service};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use tokio::sync::watch;

use super::Dial;
use crate::environment::ByteStream;
use crate::link::{Duplex, Known, Link, Services};
use crate::server::Serve;

/// Who a relayed request comes from, as far as the service of HTTP is concerned: its client is the other member's to know.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Dial for Link {
    fn dial(&self, to: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let link = self.clone();
        async move {
            let stream = link.open(to, Lane::Requests, Known::Http.number(), b"").await;
            let stream = stream.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))?;
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        }
        .boxed_local()
    }
}

/// What is served to other members.
pub(crate) struct Served {
    /// HTTP.
    pub(crate) http: Serve,
    /// Adapters that are attached here.
    pub(crate) adapters: Box<dyn Fn(Box<dyn ByteStream>) -> LocalBoxFuture<'static, ()>>,
}

/// Serves an arbiter's request lane, until the node stops.
pub(crate) struct Relayed(RefCell<Option<Served>>);

impl Relayed {
    pub(crate) fn new(served: Served) -> Self {
        Self(RefCell::new(Some(served)))
    }

    /// Takes nothing more once `stop` says so; what is being served goes on. The link outlives the surfaces, so that without this
    /// nobody could tell when the last of them is done.
    pub(crate) async fn close_at(self: Rc<Self>, mut stop: watch::Receiver<bool>) {
        // A node that is gone has stopped as well.
        let _ = stop.wait_for(|stop| *stop).await;
        self.0.take();
    }
}

impl Services for Relayed {
    fn call(
        &self,
        _: NodeId,
        service: Service,
        _: Bytes,
        _: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>> {
        ready(Err(unknown(service))).boxed_local()
    }

    fn open(&self, _: NodeId, service: Service, _: Bytes, stream: Duplex) {
        let served = self.0.borrow();
        let serving = match (Known::of(service), &*served) {
            (Some(Known::Http), Some(served)) => (served.http)(Box::new(stream), Protocol::Http1, PEER),
            (Some(Known::Adapters), Some(served)) => (served.adapters)(Box::new(stream)),
            (Some(Known::Http | Known::Adapters), None) => {
                return stream.reset(Refusal::new(Code::STOPPING, "this member is stopping"));
            }
            (Some(Known::Groups | Known::Leases | Known::Orders | Known::Gossip) | None, _) => {
                return stream.reset(unknown(service));
            }
        };
        drop(tokio::task::spawn_local(serving));
    }
}

fn unknown(service: Service) -> Refusal {
    Refusal::new(
        Code::NO_SERVICE,
        format!("service {service} is not known to this release on this lane"),
    )
}
