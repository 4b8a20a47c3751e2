//! Adapters behind `atp.adapter.v1.AdapterService` (atp.md section 22).
//!
//! `v1` is the contract, generated; `ask` turns a call into its requests and `answer` its chunks into lane events;
//! `report` reads estimates and health; `refusal` says what a status means.
//!
//! One HTTP/2 connection per arbiter, dialled when the first call needs it and again after it broke. Dropping a lane's
//! stream resets the RPC, which is the adapter's cancellation.
//!
//! **Bounds.** Dialling, the first chunk and the pause between chunks are bounded by [`Waits`](crate::provider::settings::Waits),
//! all of them by the call's deadline. A chunk over the limit of [`Limits::event`](crate::provider::settings::Limits)
//! ends the lane with `EADAPTER`. A reader that stops reading fills the connection's flow-control window, and the adapter
//! has to wait.

mod adapter;
mod answer;
mod ask;
mod refusal;
mod report;
mod v1;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory};
use http::HeaderMap;
use http::uri::Scheme;
use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::provider::settings::{Settings, SettingsError};
use adapter::GrpcAdapter;

/// How often a busy connection is asked whether it still lives.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(10);

/// Builds the instances of one gRPC adapter.
pub struct Grpc {
    settings: Arc<Settings>,
    endpoint: Endpoint,
    /// Sent with every RPC: the operator's headers and the credential.
    headers: HeaderMap,
}

impl Grpc {
    /// Checks the settings; connects to nothing. `https://` trusts the system's roots.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Self::with_tls(settings, ClientTlsConfig::new().with_native_roots())
    }

    fn with_tls(settings: Settings, tls: ClientTlsConfig) -> Result<Self, SettingsError> {
        settings.check()?;
        let unusable = |_| SettingsError::BaseUrl {
            url: settings.base_url.to_string(),
        };
        let mut endpoint = Endpoint::from(settings.base_url.clone())
            .user_agent(concat!("atp-router/", env!("CARGO_PKG_VERSION")))
            .map_err(unusable)?
            .connect_timeout(settings.waits.connect)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(settings.waits.connect);
        if settings.base_url.scheme() == Some(&Scheme::HTTPS) {
            let tls = tls.timeout(settings.waits.connect);
            endpoint = endpoint.tls_config(tls).map_err(unusable)?;
        }
        let mut headers = settings.headers.clone();
        headers.extend(settings.auth.header()?.map(|(name, value)| (Some(name), value)));
        Ok(Self {
            settings: Arc::new(settings),
            endpoint,
            headers,
        })
    }
}

impl AdapterFactory for Grpc {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(GrpcAdapter::new(
            self.settings.clone(),
            self.endpoint.clone(),
            self.headers.clone(),
        ))
    }
}
