//! What an operator says of a provider endpoint.

use std::sync::Arc;
use std::time::Duration;

use atp_protocol::adapter::Capability;
use http::header::{AUTHORIZATION, HeaderName};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri};

use crate::secret::Secret;

pub use crate::wire::openai::LimitMember;

/// One provider endpoint.
#[derive(Clone)]
pub struct Settings {
    /// What it can do; `adapter_id` names it in logs and errors.
    pub capability: Arc<Capability>,
    /// Where its API begins: `https://api.openai.com/v1`, `https://api.anthropic.com`, `http://127.0.0.1:11434/v1`.
    pub base_url: Uri,
    /// How the router proves who it is.
    pub auth: Auth,
    /// Sent with every request, e.g. `openai-organization` or `anthropic-beta`.
    pub headers: HeaderMap,
    /// Azure's `api-version`. With it, paths name the model as a deployment: `/openai/deployments/{model}/…`.
    pub api_version: Option<String>,
    /// The member that limits output when the request has none; `None` leaves the choice to [`LimitMember::for_host`].
    pub limit_member: Option<LimitMember>,
    /// How long to wait for what.
    pub waits: Waits,
    /// How much of what.
    pub limits: Limits,
}

/// How the router proves who it is.
#[derive(Clone)]
pub enum Auth {
    /// Not at all: Ollama, llama.cpp and vLLM on an own network.
    None,
    /// `authorization: Bearer …`.
    Bearer(Secret),
    /// `api-key: …`, as Azure wants it.
    ApiKey(Secret),
    /// `x-api-key: …`, as Anthropic wants it.
    XApiKey(Secret),
}

/// Local time bounds (atp.md 22.4). The request's own deadline cuts all of them short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a slot when all are taken; `EWINDOW_AGENT` after it.
    pub slot: Duration,
    /// For a connection, TLS included; `EAGENTDOWN` after it.
    pub connect: Duration,
    /// From sending to the first bytes of a streamed answer; `ETIMEOUT` after it. An answer in one piece has the whole
    /// deadline.
    pub first_chunk: Duration,
    /// Between two pieces of an answer; `ETIMEOUT` after it.
    pub between_chunks: Duration,
    /// For the end of the transfer once the answer is complete; the connection is closed after it.
    pub end: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            slot: Duration::from_millis(500),
            connect: Duration::from_secs(1),
            first_chunk: Duration::from_secs(10),
            between_chunks: Duration::from_secs(15),
            end: Duration::from_millis(100),
        }
    }
}

/// Bounds in number and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls in flight, over all arbiters; more wait for [`Waits::slot`].
    pub in_flight: usize,
    /// Connections kept open between calls, per arbiter; the eldest is closed beyond that.
    pub idle_connections: usize,
    /// How long one is kept.
    pub idle_time: Duration,
    /// An answer in one piece, in bytes; `EADAPTER` beyond.
    pub answer: usize,
    /// The same for embeddings, which are long lists of numbers.
    pub embeddings: usize,
    /// One event of a streamed answer, in bytes; `EADAPTER` beyond.
    pub event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1_024,
            idle_connections: 64,
            idle_time: Duration::from_secs(60),
            answer: 1024 * 1024,
            embeddings: 64 * 1024 * 1024,
            event: 1024 * 1024,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The base URL has no scheme and host, or another scheme than `http` and `https`.
    #[error("base url {url:?} is not http:// or https:// with a host")]
    BaseUrl {
        /// The URL.
        url: String,
    },
    /// A key cannot be sent.
    #[error("the key holds characters that an HTTP header cannot carry; check for line breaks")]
    Key,
}

impl Auth {
    /// The header that carries the proof, marked so that it is never shown.
    ///
    /// # Errors
    /// [`SettingsError::Key`].
    pub(crate) fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, SettingsError> {
        let (name, text) = match self {
            Self::None => return Ok(None),
            Self::Bearer(key) => (AUTHORIZATION, format!("Bearer {}", key.expose())),
            Self::ApiKey(key) => (HeaderName::from_static("api-key"), key.expose().to_owned()),
            Self::XApiKey(key) => (HeaderName::from_static("x-api-key"), key.expose().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| SettingsError::Key)?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

impl Settings {
    /// Checks what types cannot: scheme and host.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let scheme = self.base_url.scheme();
        let is_http = scheme == Some(&Scheme::HTTP) || scheme == Some(&Scheme::HTTPS);
        if is_http && self.base_url.host().is_some_and(|host| !host.is_empty()) {
            return Ok(());
        }
        Err(SettingsError::BaseUrl {
            url: self.base_url.to_string(),
        })
    }
}
