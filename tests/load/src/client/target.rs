//! Where a load goes and what its requests say.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tokio::net::lookup_host;

use crate::upstream::Marker;

/// Who is asked, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// Base of the gateway or provider, such as http://127.0.0.1:7443
    #[arg(long)]
    pub url: String,
    /// API key to send
    #[arg(long)]
    pub key: Option<String>,
    /// Model to ask for
    #[arg(long, default_value = "mock")]
    pub model: String,
    /// Protocol to speak
    #[arg(long, value_enum, default_value_t = Surface::Openai)]
    pub surface: Surface,
    /// Bytes of the prompt's text
    #[arg(long, default_value_t = 512)]
    pub prompt_bytes: usize,
    /// Session of ours that all requests belong to
    #[arg(long)]
    pub session: Option<String>,
}

/// A client protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Surface {
    /// `POST /v1/chat/completions`
    Openai,
    /// `POST /v1/messages`
    Anthropic,
}

/// What one kind of request asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    /// Answer as SSE.
    pub stream: bool,
    /// Limit on completion tokens; 32 when absent.
    pub max_tokens: Option<u64>,
    /// How the mock upstream is to behave.
    pub marker: Option<Marker>,
}

impl Target {
    /// The target without credentials, at `url`, with defaults.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: None,
            model: "mock".to_owned(),
            surface: Surface::Openai,
            prompt_bytes: 512,
            session: None,
        }
    }

    /// Writes the request out once; every request of the load is the same.
    pub async fn call(&self, ask: Ask) -> Result<Call> {
        let path = match self.surface {
            Surface::Openai => "/v1/chat/completions",
            Surface::Anthropic => "/v1/messages",
        };
        let mut call = Call::post(&self.url, path, self.body(ask)).await?;
        self.credential(&mut call.headers)?;
        if let Some(session) = &self.session {
            call = call.header("x-session-id", session)?;
        }
        Ok(call)
    }

    fn credential(&self, headers: &mut HeaderMap) -> Result<()> {
        if self.surface == Surface::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        let Some(key) = &self.key else { return Ok(()) };
        match self.surface {
            Surface::Openai => headers.insert(AUTHORIZATION, format!("Bearer {key}").parse()?),
            Surface::Anthropic => headers.insert(HeaderName::from_static("x-api-key"), key.parse()?),
        };
        Ok(())
    }

    fn body(&self, ask: Ask) -> Bytes {
        let mut prompt = ask.marker.map(|marker| marker.to_string()).unwrap_or_default();
        let filler = "measure twice, cut once. ".bytes().cycle();
        prompt.extend(
            filler
                .take(self.prompt_bytes.saturating_sub(prompt.len()))
                .map(char::from),
        );
        let body = serde_json::json!({
            "model": self.model,
            "max_tokens": ask.max_tokens.unwrap_or(32),
            "stream": ask.stream,
            "messages": [{ "role": "user", "content": prompt }],
        });
        body.to_string().into()
    }
}

/// One request, ready to be sent any number of times.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) address: SocketAddr,
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// `GET` of `path` at the server of `url`, whose address is resolved here.
    pub async fn get(url: &str, path: &'static str) -> Result<Self> {
        let base: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
        ensure!(base.scheme_str() == Some("http"), "`{url}` is not an http:// URL");
        let host = base.host().context("the URL names no host")?;
        let port = base.port_u16().unwrap_or(80);
        let address = lookup_host((host, port)).await?.next();
        let address = address.with_context(|| format!("`{host}` has no address"))?;
        let host = HeaderValue::from_str(&format!("{host}:{port}"))?;
        Ok(Self {
            address,
            method: Method::GET,
            path: Uri::from_static(path),
            headers: HeaderMap::from_iter([(HOST, host)]),
            body: Bytes::new(),
        })
    }

    /// `POST` of a JSON `body`.
    pub async fn post(url: &str, path: &'static str, body: impl Into<Bytes>) -> Result<Self> {
        let mut call = Self::get(url, path).await?;
        call.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self {
            method: Method::POST,
            body: body.into(),
            ..call
        })
    }

    /// The same server and headers, asked for something else. `path` begins with a slash.
    pub fn to(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Self> {
        Ok(Self {
            address: self.address,
            method,
            path: path.parse().with_context(|| format!("`{path}` is not a path"))?,
            headers: self.headers.clone(),
            body: body.into(),
        })
    }

    /// With a header more, or another value of one that is there.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        self.headers
            .insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
        Ok(self)
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}
