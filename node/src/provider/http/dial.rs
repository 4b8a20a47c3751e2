//! Opening a connection; the seam behind which the network stands.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

/// A connected byte stream, TLS done.
pub trait Io: hyper::rt::Read + hyper::rt::Write + Unpin + Send {}

impl<T: hyper::rt::Read + hyper::rt::Write + Unpin + Send> Io for T {}

/// Opens connections to the origin of a URI.
pub trait Dial: Send + Sync {
    /// Connects; the caller bounds the wait.
    fn dial(&self, origin: Uri) -> BoxFuture<'static, io::Result<Box<dyn Io>>>;
}

/// TCP, and TLS where the scheme is `https`. Never a proxy, whatever the process environment says.
#[derive(Clone)]
pub struct HttpDial {
    connector: HttpsConnector<HttpConnector>,
}

impl HttpDial {
    /// Trusts the system's root certificates.
    ///
    /// # Errors
    /// If the system has none: install its `ca-certificates` package, or configure endpoints over `http` only.
    pub fn with_native_roots() -> io::Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        Ok(Self {
            connector: builder.https_or_http().enable_http1().wrap_connector(tcp()),
        })
    }

    /// Uses this TLS configuration, which must not set ALPN.
    #[must_use]
    pub fn with_tls(config: ClientConfig) -> Self {
        let builder = HttpsConnectorBuilder::new().with_tls_config(config);
        Self {
            connector: builder.https_or_http().enable_http1().wrap_connector(tcp()),
        }
    }

    /// Trusts no certificate, so that only `http` endpoints can be reached.
    #[must_use]
    pub fn plaintext() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers the default protocol versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Self::with_tls(config)
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // A peer that vanished shows itself on the next write or on this, whichever comes first.
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

impl Dial for HttpDial {
    fn dial(&self, origin: Uri) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        let mut connector = self.connector.clone();
        async move {
            let io = connector.call(origin).await.map_err(io::Error::other)?;
            // A plain stream is not to take the room of a TLS session.
            Ok(match io {
                MaybeHttpsStream::Http(tcp) => Box::new(tcp) as Box<dyn Io>,
                MaybeHttpsStream::Https(tls) => Box::new(tls),
            })
        }
        .boxed()
    }
}
