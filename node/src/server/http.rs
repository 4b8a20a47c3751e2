//! The HTTP service of one arbiter, over any byte stream.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use futures_util::future::{FutureExt, LocalBoxFuture};
use rustls::ServerConfig;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::patience::Patient;
use super::{Connection, stalled, unread};
use crate::environment::ByteStream;
use crate::relay;
use crate::surfaces::{self, Surface};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct HttpTimes {
    /// Handshake, and head of a request.
    pub head: Duration,
    /// Idle time of a kept connection.
    pub keep_alive: Duration,
    /// Nothing it is sent is taken for so long: it has gone.
    pub write_stall: Duration,
}

/// Serves one connection to its end.
pub type Serve = Rc<dyn Fn(Box<dyn ByteStream>, Protocol, SocketAddr) -> LocalBoxFuture<'static, ()>>;

/// The service of a surface, on the calling arbiter. From `stop` on each connection closes after the reply it is at. Keeps a
/// receiver of `stop` as long as any of them is open.
///
/// # Panics
/// Never: making the service cannot fail.
pub async fn service(surface: Rc<Surface>, times: HttpTimes, stop: watch::Receiver<bool>) -> Serve {
    let app = App::new()
        .wrap(from_fn(relay::ingress))
        .wrap_fn(unread::settle(surface.arrival))
        .wrap_fn(stalled::cut(times.write_stall))
        .app_data(surface)
        .configure(surfaces::routes);
    let factory = map_config(
        app.into_factory()
            .map_err(|error: actix_web::Error| error.error_response()),
        |()| AppConfig::default(),
    );
    let service = HttpService::build()
        .keep_alive(KeepAlive::Timeout(times.keep_alive))
        .client_request_timeout(times.head)
        // A client that closes its side while it waits has gone: its request is cancelled there and then.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(move || {
            let mut stop = stop.clone();
            async move {
                // A node that is gone has stopped as well.
                let _ = stop.wait_for(|stop| *stop).await;
            }
        })
        .finish(factory);
    let handler = match service.new_service(()).await {
        Ok(handler) => Rc::new(handler),
        Err(()) => unreachable!("routes are configured without anything that could fail"),
    };
    Rc::new(move |stream, protocol, peer| {
        let handler = Rc::clone(&handler);
        async move {
            if let Err(error) = handler.call((stream, protocol, Some(peer))).await {
                debug!(%peer, %error, "connection ended");
            }
        }
        .boxed_local()
    })
}

/// Serves connections handed over by the acceptor until it is gone. Runs on the arbiter.
pub async fn serve(
    service: Serve,
    mut connections: mpsc::Receiver<Connection>,
    tls: Option<Arc<ServerConfig>>,
    times: HttpTimes,
) {
    let tls = tls.map(TlsAcceptor::from);
    while let Some(connection) = connections.recv().await {
        let (service, tls) = (Rc::clone(&service), tls.clone());
        tokio::task::spawn_local(async move {
            let Connection {
                incoming,
                peer,
                guard,
            } = connection;
            if let Some((stream, protocol)) = open(incoming, tls, times, peer).await {
                service(stream, protocol, peer).await;
            }
            drop(guard);
        });
    }
}

async fn open(
    incoming: crate::environment::Incoming,
    tls: Option<TlsAcceptor>,
    times: HttpTimes,
    peer: SocketAddr,
) -> Option<(Box<dyn ByteStream>, Protocol)> {
    let stream = incoming()
        .inspect_err(|error| debug!(%peer, %error, "connection lost"))
        .ok()?;
    let stream = Patient::new(stream, times.write_stall);
    let Some(acceptor) = tls else {
        return Some((Box::new(stream), Protocol::Http1));
    };
    let stream = tokio::time::timeout(times.head, acceptor.accept(stream))
        .await
        .ok()?
        .inspect_err(|error| debug!(%peer, %error, "TLS handshake failed"))
        .ok()?;
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Some((Box::new(stream), protocol))
}
