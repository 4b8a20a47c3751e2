//! OpenAI chat completions and embeddings upstream: OpenAI, Azure, vLLM, llama.cpp, Ollama.
//!
//! A client of the same protocol gets the upstream's bytes, looked at by `observe`; for everybody else `read` takes
//! the answer apart. Streams are always asked for their usage; who did not want it never sees that chunk.

mod chunk;
pub(super) mod observe;
pub(super) mod read;
mod whole;

use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, Form};
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::Dialect;
use bytes::Bytes;
use http::uri::PathAndQuery;

use super::adapter::{HttpAdapter, Prepared, Protocol, Take};
use super::endpoint::{Endpoint, Shared};
use super::http::Dial;
use super::run::Listener;
use super::settings::{LimitMember, Settings, SettingsError};
use super::{UnixClock, terms};
use crate::wire::openai as wire;

/// Builds the instances of one OpenAI-compatible endpoint.
pub struct OpenAi {
    shared: Shared,
    paths: Paths,
    limit: LimitMember,
}

#[derive(Clone)]
struct Paths {
    chat: PathAndQuery,
    embeddings: PathAndQuery,
    models: PathAndQuery,
    /// Azure's `api-version`; chat and embeddings paths name the model then.
    api_version: Option<String>,
}

impl OpenAi {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: Settings, dial: Arc<dyn Dial>, clock: UnixClock) -> Result<Self, SettingsError> {
        let host = settings.base_url.host().unwrap_or_default();
        let limit = settings
            .limit_member
            .unwrap_or_else(|| LimitMember::for_host(host));
        let shared = Shared::new(settings, dial, clock)?;
        let unusable = |_| SettingsError::BaseUrl {
            url: shared.settings().base_url.to_string(),
        };
        let api_version = shared.settings().api_version.clone();
        let models = match &api_version {
            Some(version) => format!("/openai/models?api-version={version}"),
            None => "/models".to_owned(),
        };
        let paths = Paths {
            chat: shared.path("/chat/completions").map_err(unusable)?,
            embeddings: shared.path("/embeddings").map_err(unusable)?,
            models: shared.path(&models).map_err(unusable)?,
            api_version,
        };
        Ok(Self { shared, paths, limit })
    }
}

impl AdapterFactory for OpenAi {
    fn build(&self) -> Rc<dyn Adapter> {
        let protocol = Chat {
            paths: self.paths.clone(),
            limit: self.limit,
        };
        Rc::new(HttpAdapter::new(Endpoint::new(self.shared.clone()), protocol))
    }
}

struct Chat {
    paths: Paths,
    limit: LimitMember,
}

impl Protocol for Chat {
    fn prepare(&self, endpoint: &Endpoint, call: &Call) -> Result<Prepared, Fault> {
        match &call.request.native {
            Some(native) if native.dialect == Dialect::OpenAiEmbeddings => {
                self.embeddings(endpoint, call, &native.bytes)
            }
            Some(native) if native.dialect == Dialect::OpenAiChat => {
                self.native_chat(endpoint, call, &native.bytes)
            }
            Some(_) | None => {
                let body = wire::body(&call.request.content, &terms::of(call), self.limit);
                self.chat(endpoint, call, body, None)
            }
        }
    }

    fn probe_path(&self) -> PathAndQuery {
        self.paths.models.clone()
    }
}

impl Chat {
    fn native_chat(&self, endpoint: &Endpoint, call: &Call, native: &[u8]) -> Result<Prepared, Fault> {
        let edited = wire::edit(native, &terms::of(call), self.limit).map_err(|error| {
            endpoint
                .refusal()
                .fault(Code::Proto, format_args!("body: {error}"))
        })?;
        let forward = (call.form == Form::Forward).then_some(edited.wants_usage);
        self.chat(endpoint, call, edited.body, forward)
    }

    /// `forward`: whether the client wants the usage chunk, if it gets the upstream's bytes at all.
    fn chat(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        body: Bytes,
        forward: Option<bool>,
    ) -> Result<Prepared, Fault> {
        let limit = endpoint.settings().limits.answer;
        let refusal = endpoint.refusal().clone();
        let take = match (call.request.wants_stream, forward) {
            (true, Some(wants_usage)) => {
                let observer = observe::Observer::new(wants_usage, refusal);
                Take::Stream(Listener::Forward(Box::new(observer)))
            }
            (true, None) => Take::Stream(Listener::Read(Box::new(read::Reader::new(limit, refusal)))),
            (false, Some(_)) => Take::Whole(limit, whole::forward),
            (false, None) => Take::Whole(limit, whole::read),
        };
        let path = self.path(endpoint, call, &self.paths.chat, "/chat/completions")?;
        Ok(Prepared { path, body, take })
    }

    fn embeddings(&self, endpoint: &Endpoint, call: &Call, native: &[u8]) -> Result<Prepared, Fault> {
        let body = wire::edit_embeddings(native, &call.model).map_err(|error| {
            endpoint
                .refusal()
                .fault(Code::Proto, format_args!("body: {error}"))
        })?;
        let read = match call.form {
            Form::Forward => whole::forward,
            Form::Read => whole::read_data,
        };
        Ok(Prepared {
            path: self.path(endpoint, call, &self.paths.embeddings, "/embeddings")?,
            body,
            take: Take::Whole(endpoint.settings().limits.embeddings, read),
        })
    }

    fn path(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        plain: &PathAndQuery,
        operation: &str,
    ) -> Result<PathAndQuery, Fault> {
        let Some(version) = &self.paths.api_version else {
            return Ok(plain.clone());
        };
        let model = &call.model;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fault = || {
            endpoint
                .refusal()
                .fault(Code::NotFound, "the model is not the name of an Azure deployment")
        };
        if model.is_empty() || !model.bytes().all(is_name) {
            return Err(fault());
        }
        let rest = format!("/openai/deployments/{model}{operation}?api-version={version}");
        endpoint.shared().path(&rest).map_err(|_| fault())
    }
}

#[cfg(test)]
mod tests;
