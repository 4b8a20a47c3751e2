//! The real world behind the seams of `actors`: clock, randomness, network.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use atp_actors::environment::{Clock, Random};
use atp_actors::spans::{Traces, Untraced};
use atp_protocol::units::UnixMillis;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::telemetry::LogFilter;

/// All a node knows of its surroundings. Simulation supplies another.
#[derive(Clone)]
pub struct Environment {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Sockets.
    pub network: Arc<dyn Network>,
    /// Spans that come from elsewhere and go on there.
    pub traces: Arc<dyn Traces>,
    /// What the process logs; `None` where that is not the node's to change.
    pub logs: Option<LogFilter>,
    /// Threads of the node; `None` runs everything on the caller's.
    pub arbiters: Option<usize>,
}

impl Environment {
    /// The real one, with one arbiter per core or `workers` of them.
    #[must_use]
    pub fn real(workers: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemEntropy(SystemRandom::new())),
            network: Arc::new(TcpNetwork),
            traces: Arc::new(Untraced),
            logs: None,
            arbiters: Some(if workers == 0 { cores } else { workers }),
        }
    }
}

struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the real clock is read"
    )]
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn micros(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the real clock is read"
    )]
    fn unix(&self) -> UnixMillis {
        // A clock before 1970 is broken beyond what could be told here; 0 makes every expiry lie ahead.
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

struct SystemEntropy(SystemRandom);

impl Random for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out).expect("the operating system has randomness");
    }
}

/// A connection's bytes.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream for T {}

/// A connection at a runtime. It can be taken to another as long as nothing waits on it.
pub trait Socket: ByteStream {
    /// Takes it off its runtime.
    ///
    /// # Errors
    /// When the socket is gone.
    fn detach(self: Box<Self>) -> io::Result<Incoming>;
}

/// A connection on its way to the arbiter that will serve it; opened there, because sockets belong to a runtime.
pub type Incoming = Box<dyn FnOnce() -> io::Result<Box<dyn Socket>> + Send>;

/// Boxed future of a seam.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sockets as a seam.
pub trait Network: Send + Sync {
    /// Listens on `addr`; port 0 picks a free one.
    fn listen(&self, addr: SocketAddr) -> Pending<'_, io::Result<Box<dyn Listener>>>;

    /// Connects to `address`, `HOST:PORT`. The connection belongs to the runtime that waits for it.
    fn connect<'a>(&'a self, address: &'a str) -> Pending<'a, io::Result<Box<dyn Socket>>>;
}

/// A listening socket.
pub trait Listener: Send {
    /// Where it listens.
    ///
    /// # Errors
    /// When the socket is gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection.
    fn accept(&mut self) -> Pending<'_, io::Result<(Incoming, SocketAddr)>>;
}

struct TcpNetwork;

impl Network for TcpNetwork {
    fn listen(&self, addr: SocketAddr) -> Pending<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(
            async move { Ok(Box::new(TcpAcceptor(TcpListener::bind(addr).await?)) as Box<dyn Listener>) },
        )
    }

    fn connect<'a>(&'a self, address: &'a str) -> Pending<'a, io::Result<Box<dyn Socket>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Socket>)
        })
    }
}

impl Socket for TcpStream {
    fn detach(self: Box<Self>) -> io::Result<Incoming> {
        let stream = self.into_std()?;
        Ok(Box::new(move || Ok(Box::new(Self::from_std(stream)?))))
    }
}

struct TcpAcceptor(TcpListener);

impl Listener for TcpAcceptor {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn accept(&mut self) -> Pending<'_, io::Result<(Incoming, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            // Answers are written whole; waiting to fill a segment only adds latency.
            stream.set_nodelay(true)?;
            Ok((Box::new(stream).detach()?, peer))
        })
    }
}
