//! The way to other nodes, from whichever thread a call is made.

use std::io;
use std::sync::{PoisonError, RwLock};
use std::thread::{self, ThreadId};

use atp_protocol::cluster::NodeId;
use atp_protocol::link::Lane;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::environment::ByteStream;
use crate::link::{Known, Link};

/// Opens streams to the adapters of other nodes.
pub(super) trait Open: Send + Sync {
    /// A stream to those of `to`. An error is certain not to have started anything there.
    fn open(&self, to: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>>;
}

/// The link, by the threads that have request lanes of their own; other threads share the one it was started with.
pub(crate) struct Lanes {
    shared: Link,
    own: RwLock<Vec<(ThreadId, Link)>>,
}

impl Lanes {
    pub(crate) fn new(shared: Link) -> Self {
        Self {
            shared,
            own: RwLock::default(),
        }
    }

    /// Calls of the calling thread go over `link` from now on.
    pub(crate) fn add_this_thread(&self, link: Link) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.push((thread::current().id(), link));
    }

    fn of_this_thread(&self) -> Link {
        let (here, own) = (thread::current().id(), self.own.read());
        let own = own.unwrap_or_else(PoisonError::into_inner);
        let link = own.iter().find(|(thread, _)| *thread == here);
        link.map_or(&self.shared, |(_, link)| link).clone()
    }
}

impl Open for Lanes {
    fn open(&self, to: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let link = self.of_this_thread();
        async move {
            let stream = link.open(to, Lane::Requests, Known::Adapters.number(), b"").await;
            let stream = stream.map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error))?;
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        }
        .boxed_local()
    }
}
