//! Anthropic Messages upstream.
//!
//! A client of the same protocol gets the upstream's bytes, looked at by `observe`; for everybody else `read` takes
//! the answer apart. Usage always comes, at the start and with the end.

mod event;
pub(super) mod observe;
pub(super) mod read;
mod whole;

use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, Form};
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::request::Dialect;
use bytes::Bytes;
use http::uri::PathAndQuery;

use super::adapter::{HttpAdapter, Prepared, Protocol, Take};
use super::endpoint::{Endpoint, Shared};
use super::http::Dial;
use super::run::Listener;
use super::settings::{Settings, SettingsError};
use super::{UnixClock, terms};
use crate::wire::anthropic as wire;

/// The version of the protocol that is spoken, unless the operator sets another `anthropic-version`.
const VERSION: &str = "2023-06-01";

/// Builds the instances of one Anthropic endpoint.
pub struct Anthropic {
    shared: Shared,
    messages: PathAndQuery,
    models: PathAndQuery,
}

impl Anthropic {
    /// Checks the settings; connects to nothing. The base URL may or may not end in `/v1`.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: Settings, dial: Arc<dyn Dial>, clock: UnixClock) -> Result<Self, SettingsError> {
        let url = settings.base_url.to_string();
        let version = if settings.base_url.path().trim_end_matches('/').ends_with("/v1") {
            ""
        } else {
            "/v1"
        };
        let shared = Shared::new(settings, dial, clock)?.with_header("anthropic-version", VERSION);
        let path = |rest: &str| shared.path(&format!("{version}{rest}"));
        let unusable = |_| SettingsError::BaseUrl { url: url.clone() };
        Ok(Self {
            messages: path("/messages").map_err(unusable)?,
            models: path("/models").map_err(unusable)?,
            shared,
        })
    }
}

impl AdapterFactory for Anthropic {
    fn build(&self) -> Rc<dyn Adapter> {
        let protocol = Messages {
            messages: self.messages.clone(),
            models: self.models.clone(),
        };
        Rc::new(HttpAdapter::new(Endpoint::new(self.shared.clone()), protocol))
    }
}

struct Messages {
    messages: PathAndQuery,
    models: PathAndQuery,
}

impl Protocol for Messages {
    fn prepare(&self, endpoint: &Endpoint, call: &Call) -> Result<Prepared, Fault> {
        let native = call.request.native.as_ref();
        let (body, is_native) = match native.map(|native| native.dialect) {
            Some(Dialect::AnthropicMessages) => (edited(endpoint, call)?, true),
            Some(Dialect::OpenAiEmbeddings) => {
                let fault = endpoint.refusal().fault(
                    Code::Unsupported,
                    "has no embeddings; name a model of another adapter",
                );
                return Err(fault.terminal());
            }
            Some(Dialect::OpenAiChat | Dialect::Atp) | None => {
                let body = wire::body(&call.request.content, &terms::of(call));
                (body.map_err(|fault| fault.scoped(Scope::Lane))?, false)
            }
        };
        let limit = endpoint.settings().limits.answer;
        let refusal = endpoint.refusal().clone();
        let is_forwarded = is_native && call.form == Form::Forward;
        let take = match (call.request.wants_stream, is_forwarded) {
            (true, true) => Take::Stream(Listener::Forward(Box::new(observe::Observer::new(refusal)))),
            (true, false) => Take::Stream(Listener::Read(Box::new(read::Reader::new(limit, refusal)))),
            (false, true) => Take::Whole(limit, whole::forward),
            (false, false) => Take::Whole(limit, whole::read),
        };
        Ok(Prepared {
            path: self.messages.clone(),
            body,
            take,
        })
    }

    fn probe_path(&self) -> PathAndQuery {
        self.models.clone()
    }
}

fn edited(endpoint: &Endpoint, call: &Call) -> Result<Bytes, Fault> {
    let native = call
        .request
        .native
        .as_ref()
        .map_or(&b""[..], |native| &native.bytes);
    wire::edit(native, &terms::of(call)).map_err(|error| {
        endpoint
            .refusal()
            .fault(Code::Proto, format_args!("body: {error}"))
    })
}

#[cfg(test)]
mod tests;
