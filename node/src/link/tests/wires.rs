//! A network in memory. Every connection can be frozen, as by a peer that was stopped, or cut.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;

use crate::environment::{Incoming, Listener, Network, Pending, Socket};
use crate::identity::Address;

/// Bytes on the way, each direction.
const PIPE: usize = 64 * 1024;

/// Where member `number` listens.
pub(super) fn address(number: u16) -> Address {
    format!("10.0.0.{number}:7444").parse().unwrap()
}

#[derive(Default)]
pub(super) struct Wires {
    listeners: Mutex<BTreeMap<String, mpsc::Sender<Wire>>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_frozen: bool,
    /// Connections of an earlier count are cut.
    cuts: u64,
    waiting: Vec<Waker>,
}

impl Wires {
    /// Nothing passes on any connection, as if the other process stood still.
    pub(super) fn freeze(&self, is_frozen: bool) {
        self.change(|state| state.is_frozen = is_frozen);
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        self.change(|state| state.cuts += 1);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// A connection to whoever listens at `number`, to say anything on.
    pub(super) async fn dial(&self, number: u16) -> Box<dyn Socket> {
        self.connect(&address(number).to_string()).await.unwrap()
    }
}

impl Network for Wires {
    fn listen(&self, addr: SocketAddr) -> Pending<'_, io::Result<Box<dyn Listener>>> {
        let (sender, accepted) = mpsc::channel(16);
        self.listeners.lock().unwrap().insert(addr.to_string(), sender);
        Box::pin(async move { Ok(Box::new(Port { addr, accepted }) as Box<dyn Listener>) })
    }

    fn connect<'a>(&'a self, address: &'a str) -> Pending<'a, io::Result<Box<dyn Socket>>> {
        let sender = self.listeners.lock().unwrap().get(address).cloned();
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let (near, far) = duplex(PIPE);
            let cuts = self.state.lock().unwrap().cuts;
            let [near, far] = [near, far].map(|pipe| Wire {
                pipe,
                cuts,
                state: Arc::clone(&self.state),
            });
            let sender = sender.ok_or_else(refused)?;
            sender.send(far).await.map_err(|_| refused())?;
            Ok(Box::new(near) as Box<dyn Socket>)
        })
    }
}

struct Port {
    addr: SocketAddr,
    accepted: mpsc::Receiver<Wire>,
}

impl Listener for Port {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn accept(&mut self) -> Pending<'_, io::Result<(Incoming, SocketAddr)>> {
        Box::pin(async move {
            match self.accepted.recv().await {
                Some(wire) => Ok((Box::new(wire).detach()?, self.addr)),
                None => std::future::pending().await,
            }
        })
    }
}

struct Wire {
    pipe: DuplexStream,
    cuts: u64,
    state: Arc<Mutex<State>>,
}

impl Wire {
    /// Ready while the wire carries anything.
    fn poll_open(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock().unwrap();
        if state.cuts != self.cuts {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        // Also while it is open: a cut is noticed by whoever waits for bytes.
        state.waiting.push(context.waker().clone());
        match state.is_frozen {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }
}

impl Socket for Wire {
    fn detach(self: Box<Self>) -> io::Result<Incoming> {
        Ok(Box::new(move || Ok(self as Box<dyn Socket>)))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_open(context))?;
        Pin::new(&mut self.pipe).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_open(context))?;
        Pin::new(&mut self.pipe).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_open(context))?;
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}
