//! Takes connections of other members and runs each on the thread that serves its lane.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::link::{Code, Lane, Refusal};
use rustls::server::{Accepted, Acceptor};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::StartHandshake;
use tracing::{debug, info, warn};

use super::handle::Shared;
use super::{Link, Services, handshake};
use crate::environment::{Incoming, Listener, Socket};

/// Handshakes at once. Beyond, connections are closed unanswered; members dial again.
pub const HANDSHAKES_MAX: usize = 256;

/// A connection for the request lane on its way to the arbiter that will serve it. Only its TLS hello was read.
pub struct Arrival {
    hello: Accepted,
    socket: Incoming,
    permit: OwnedSemaphorePermit,
}

impl Link {
    /// Accepts until the link stops, and serves the control and bulk lanes on this thread, which needs a `LocalSet`. Request lanes go to
    /// `arbiters` in turn; without any they are served here as well.
    pub async fn accept(
        &self,
        mut listener: Box<dyn Listener>,
        services: Rc<dyn Services>,
        arbiters: Vec<mpsc::Sender<Arrival>>,
    ) {
        let door = Rc::new(Door {
            shared: Arc::clone(&self.shared),
            services,
            arbiters,
            turns: Cell::default(),
        });
        let mut stop = self.shared.stop.subscribe();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
            };
            let (incoming, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: a short pause lets connections end instead of spinning.
                    warn!(%error, "cannot accept a member's connection");
                    tokio::time::sleep(self.shared.settings.backoff.0).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&self.shared.handshakes).try_acquire_owned() else {
                debug!(%peer, "too many handshakes at once; closed unanswered");
                continue;
            };
            let door = Rc::clone(&door);
            tokio::task::spawn_local(async move {
                if let Err(error) = door.open(incoming, permit).await {
                    info!(%peer, reason = %error, "refused a connection to the link");
                }
            });
        }
    }

    /// Serves the request lanes handed over by [`Self::accept`], on this thread, which needs a `LocalSet`.
    pub async fn host(&self, mut arrivals: mpsc::Receiver<Arrival>, services: Rc<dyn Services>) {
        let door = Rc::new(Door {
            shared: Arc::clone(&self.shared),
            services,
            arbiters: Vec::new(),
            turns: Cell::default(),
        });
        while let Some(arrival) = arrivals.recv().await {
            let door = Rc::clone(&door);
            tokio::task::spawn_local(async move {
                let Arrival {
                    hello,
                    socket,
                    permit,
                } = arrival;
                let served = match socket() {
                    Ok(socket) => {
                        let start = StartHandshake::from_parts(hello, socket);
                        door.serve(start, Lane::Requests, permit).await
                    }
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = served {
                    info!(reason = %error, "refused a connection to the link");
                }
            });
        }
    }
}

/// What connections come in by.
struct Door {
    shared: Arc<Shared>,
    services: Rc<dyn Services>,
    /// Who serves request lanes instead of this thread.
    arbiters: Vec<mpsc::Sender<Arrival>>,
    /// Request lanes handed over so far.
    turns: Cell<usize>,
}

impl Door {
    /// The arbiter of the next request lane.
    fn arbiter(&self) -> Option<&mpsc::Sender<Arrival>> {
        let turn = self.turns.get();
        self.turns.set(turn.wrapping_add(1));
        self.arbiters.get(turn.checked_rem(self.arbiters.len())?)
    }

    /// Reads the TLS hello and decides where the connection is served.
    async fn open(
        &self,
        incoming: Incoming,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), handshake::HandshakeError> {
        let reading = LazyConfigAcceptor::new(Acceptor::default(), incoming()?);
        let start = tokio::time::timeout(self.shared.settings.handshake, reading)
            .await
            .map_err(|_| handshake::HandshakeError::Timeout)??;
        let lane = start
            .client_hello()
            .alpn()
            .and_then(|mut names| names.find_map(Lane::of_alpn))
            .ok_or(handshake::HandshakeError::Mistaken)?;
        let arbiter = match lane {
            Lane::Requests => self.arbiter(),
            Lane::Control | Lane::Bulk => None,
        };
        match arbiter {
            Some(arbiter) => {
                let StartHandshake { accepted, io, .. } = start;
                let arrival = Arrival {
                    hello: accepted,
                    socket: io.detach()?,
                    permit,
                };
                // An arbiter that is gone or behind: the connection closes here and is dialled again.
                let _ = arbiter.try_send(arrival);
                Ok(())
            }
            None => self.serve(start, lane, permit).await,
        }
    }

    /// Runs a connection to its end.
    async fn serve(
        &self,
        start: StartHandshake<Box<dyn Socket>>,
        lane: Lane,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), handshake::HandshakeError> {
        let services = Rc::clone(&self.services);
        let (connection, mut pump) = handshake::accept(&self.shared, start, lane, services).await?;
        drop(permit);
        let member = connection.member;
        info!(%member, %lane, "a member connected");
        let mut stop = self.shared.stop.subscribe();
        let ended = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => {
                connection.leave(Refusal::new(Code::STOPPING, "this member is stopping"));
                pump.await
            }
            ended = &mut pump => ended,
        };
        info!(%member, %lane, reason = %ended, "a member's connection ended");
        Ok(())
    }
}
