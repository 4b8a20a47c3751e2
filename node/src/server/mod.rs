//! From sockets to requests: arbiter threads, the acceptor that spreads connections over them, TLS, and the HTTP service.

mod acceptor;
mod arbiters;
mod http;
mod patience;
mod stalled;
mod tls;
mod unread;

pub use acceptor::{Acceptor, Connection, ConnectionGuard};
pub use arbiters::Arbiters;
pub use http::{HttpTimes, Serve, serve, service};
pub use tls::{TlsError, server_config};
