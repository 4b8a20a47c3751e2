//! OTLP over HTTP, through our own HTTP client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use tokio::runtime::Builder;
use tracing::{info, warn};

/// Where collectors take spans.
const PATH: &str = "/v1/traces";

/// Longest wait for a collector.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer of a collector in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// Why there is no exporter.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadEndpoint {
    #[error("is no URL of a collector, such as http://127.0.0.1:4318")]
    NotAUrl,
    #[error("needs the system's root certificates: {0}")]
    NoRoots(#[source] io::Error),
    #[error("cannot be used: {0}")]
    Build(#[source] ExporterBuildError),
}

/// An exporter to `endpoint`: a collector's base URL, or the whole URL of its traces.
pub(super) fn exporter(endpoint: &str) -> Result<SpanExporter, BadEndpoint> {
    let url: Uri = endpoint.parse().map_err(|_| BadEndpoint::NotAUrl)?;
    let is_https = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(BadEndpoint::NotAUrl),
    };
    let base = endpoint.trim_end_matches('/');
    let url = match url.path() {
        "/" | "" => format!("{base}{PATH}"),
        _ => base.to_owned(),
    };
    SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(is_https)?)
        .with_endpoint(url)
        .build()
        .map_err(BadEndpoint::Build)
}

/// Calls the collector, from the exporter's own thread.
#[derive(Debug)]
struct Collector {
    connector: HttpsConnector<HttpConnector>,
    /// It took nothing the last time: told once, not with every batch.
    is_lost: AtomicBool,
}

impl Collector {
    fn new(is_https: bool) -> Result<Self, BadEndpoint> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let builder = match is_https {
            true => builder
                .with_provider_and_native_roots(provider)
                .map_err(BadEndpoint::NoRoots)?,
            false => builder.with_tls_config(no_roots(provider)),
        };
        Ok(Self {
            connector: builder.https_or_http().enable_http1().build(),
            is_lost: AtomicBool::new(false),
        })
    }

    /// Tells the operator when the collector stops taking spans, and when it takes them again.
    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let trouble = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let was_lost = self.is_lost.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(trouble) if !was_lost => warn!(
                trouble,
                "the collector takes no spans; they are lost until it does"
            ),
            None if was_lost => info!("the collector takes spans again"),
            Some(_) | None => {}
        }
    }

    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Client::builder(TokioExecutor::new()).build(self.connector.clone());
        let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// For collectors that are reached in plain text.
fn no_roots(provider: rustls::crypto::CryptoProvider) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl HttpClient for Collector {
    /// Runs to the end before it returns: the thread that exports has nothing else to do, and no runtime of its own.
    fn send_bytes<'client, 'call>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'call>>
    where
        'client: 'call,
        Self: 'call,
    {
        let answer = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HttpError::from)
            .and_then(|runtime| {
                let calling = async { tokio::time::timeout(PATIENCE, self.call(request)).await };
                runtime.block_on(calling)?
            });
        self.tell(&answer);
        Box::pin(std::future::ready(answer))
    }
}
