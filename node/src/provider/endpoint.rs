//! One provider endpoint as its adapter uses it: addresses, credential, pool and the translation of failures.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::Call;
use atp_protocol::adapter::{Health, HealthStatus};
use atp_protocol::error::{Code, Fault};
use atp_protocol::units::UnixMillis;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderName, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::feed::Feed;
use super::http::{Dial, Pool, PoolLimits, Reply, SendError};
use super::refusal::Refusal;
use super::settings::{Settings, SettingsError};

/// Reads the wall clock, for `Retry-After` dates.
pub type UnixClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// Longest error body read.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// Longest wait for it; the status alone says enough.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(1);

/// What the instances of all arbiters share.
#[derive(Clone)]
pub(super) struct Shared {
    settings: Arc<Settings>,
    headers: HeaderMap,
    origin: Uri,
    base_path: Arc<str>,
    dial: Arc<dyn Dial>,
    slots: Arc<Semaphore>,
    clock: UnixClock,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        dial: Arc<dyn Dial>,
        clock: UnixClock,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let unusable = || SettingsError::BaseUrl {
            url: settings.base_url.to_string(),
        };
        let mut origin = settings.base_url.clone().into_parts();
        origin.path_and_query = Some(PathAndQuery::from_static("/"));
        let host = origin.authority.as_ref().map(host).ok_or_else(unusable)?;
        let mut headers = settings.headers.clone();
        headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| unusable())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("atp-router/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some((name, value)) = settings.auth.header()? {
            headers.insert(name, value);
        }
        Ok(Self {
            headers,
            origin: Uri::from_parts(origin).map_err(|_| unusable())?,
            base_path: settings.base_url.path().trim_end_matches('/').into(),
            slots: Arc::new(Semaphore::new(
                settings.limits.in_flight.min(Semaphore::MAX_PERMITS),
            )),
            settings: Arc::new(settings),
            dial,
            clock,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, with another header unless the operator has set it.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        let entry = self.headers.entry(HeaderName::from_static(name));
        entry.or_insert(HeaderValue::from_static(value));
        self
    }

    /// The path below the base URL, e.g. `/chat/completions`.
    pub(super) fn path(&self, rest: &str) -> Result<PathAndQuery, http::uri::InvalidUri> {
        format!("{}{rest}", self.base_path).parse()
    }
}

/// The authority without credentials, which belong into `auth`.
fn host(authority: &http::uri::Authority) -> String {
    match authority.port() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    }
}

pub(super) struct Endpoint {
    shared: Shared,
    pool: Rc<Pool>,
    refusal: Refusal,
}

impl Endpoint {
    pub(super) fn new(shared: Shared) -> Rc<Self> {
        let Settings { waits, limits, .. } = *shared.settings;
        let pool_limits = PoolLimits {
            slot_wait: waits.slot,
            connect: waits.connect,
            idle: limits.idle_connections,
            idle_time: limits.idle_time,
        };
        let pool = Pool::new(
            shared.origin.clone(),
            Arc::clone(&shared.dial),
            pool_limits,
            Arc::clone(&shared.slots),
        );
        let refusal = Refusal::of(shared.settings.capability.adapter_id.clone());
        Rc::new(Self {
            shared,
            pool,
            refusal,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Posts a call's body and waits for a reply that promises an answer.
    pub(super) async fn post(
        &self,
        call: &Call,
        path: PathAndQuery,
        body: Bytes,
        is_stream: bool,
    ) -> Result<Feed, Fault> {
        let key = HeaderValue::from_str(&call.idempotency_key).ok();
        let trace = call
            .traceparent
            .as_deref()
            .and_then(|trace| HeaderValue::from_str(trace).ok());
        let is_sent = Cell::new(false);
        let request = || {
            // It is asked for where there is a connection to send it on.
            is_sent.set(true);
            let mut request = self.request(Method::POST, path.clone(), body.clone());
            let headers = [("idempotency-key", &key), ("traceparent", &trace)];
            for (name, value) in headers {
                if let Some(value) = value {
                    request.headers_mut().insert(name, value.clone());
                }
            }
            request
        };
        let waits = self.settings().waits;
        let mut feed = Feed::new(
            waits,
            Duration::from_millis(call.deadline_ms),
            is_stream,
            self.refusal.clone(),
        );
        let reply = feed
            .within(self.pool.send(request))
            .await
            .map_err(|late| match is_sent.get() {
                true => feed.lost(late),
                false => late,
            })?
            .map_err(|error| self.refusal.unsent(&error))?;
        if reply.status().is_success() {
            feed.attach(reply);
            return Ok(feed);
        }
        Err(self.refused(reply).await)
    }

    async fn refused(&self, mut reply: Reply) -> Fault {
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(piece)) = reply.piece().await {
                body.extend_from_slice(&piece[..piece.len().min(MAX_ERROR_BODY - body.len())]);
                if body.len() == MAX_ERROR_BODY {
                    break;
                }
            }
        };
        // An error body that does not come leaves the status to speak for itself.
        let _ = timeout(ERROR_BODY_WAIT, reading).await;
        let now = (self.shared.clock)();
        self.refusal.status(reply.status(), reply.headers(), &body, now)
    }

    /// Asks for something that costs nothing. Any reply short of a refusal or a failure of the server means healthy.
    ///
    /// The body comes with it, cut where the limit on answers is.
    pub(super) async fn probe(&self, path: PathAndQuery) -> Result<(Health, BytesMut), Fault> {
        self.pool.close_aged();
        let request = || self.request(Method::GET, path.clone(), Bytes::new());
        let mut reply = match self.pool.send(request).await {
            Ok(reply) => reply,
            // Busy with work is not ill.
            Err(SendError::Full) => return Ok((with(HealthStatus::Degraded), BytesMut::new())),
            Err(error) => return Err(self.refusal.unsent(&error)),
        };
        let status = match reply.status().as_u16() {
            401 | 403 | 500..=599 => HealthStatus::Unhealthy,
            429 => HealthStatus::Degraded,
            _ => HealthStatus::Healthy,
        };
        // Read to the end, within reason, the connection can be used again.
        let mut body = BytesMut::new();
        while let Ok(Some(piece)) = reply.piece().await {
            if body.len() + piece.len() > self.settings().limits.answer {
                break;
            }
            body.extend_from_slice(&piece);
        }
        Ok((with(status), body))
    }

    fn request(&self, method: Method, path: PathAndQuery, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = self.shared.headers.clone();
        request
    }
}

/// Nothing but a status.
const fn with(status: HealthStatus) -> Health {
    Health {
        status,
        ..Health::HEALTHY
    }
}

/// What every provider of ours says to a request for an estimate: the router's own is as good.
pub(super) fn no_estimate(refusal: &Refusal) -> Fault {
    refusal
        .fault(Code::Unsupported, "gives no estimates; the router's own stands")
        .terminal()
}
