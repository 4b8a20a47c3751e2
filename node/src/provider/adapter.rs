//! The adapter of every provider; what differs is its [`Protocol`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, Call, LaneStream};
use atp_protocol::adapter::{Capability, Health, HealthStatus};
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Estimate;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use http::uri::PathAndQuery;

use super::endpoint::{Endpoint, no_estimate};
use super::run::{self, Listener, ReadWhole};

/// What is sent for a call, and how its answer is taken.
pub(super) struct Prepared {
    pub(super) path: PathAndQuery,
    pub(super) body: Bytes,
    pub(super) take: Take,
}

pub(super) enum Take {
    Stream(Listener),
    /// In one piece of at most so many bytes.
    Whole(usize, ReadWhole),
}

/// What differs from provider to provider.
pub(super) trait Protocol {
    fn prepare(&self, endpoint: &Endpoint, call: &Call) -> Result<Prepared, Fault>;
    /// Something to ask for that costs nothing.
    fn probe_path(&self) -> PathAndQuery;
}

pub(super) struct HttpAdapter<P> {
    endpoint: Rc<Endpoint>,
    protocol: Rc<P>,
    /// What the operator said; its models are the provider's own where the operator named none.
    capability: Rc<RefCell<Arc<Capability>>>,
}

impl<P: Protocol + 'static> HttpAdapter<P> {
    pub(super) fn new(endpoint: Rc<Endpoint>, protocol: P) -> Self {
        let capability = Arc::clone(&endpoint.settings().capability);
        Self {
            endpoint,
            protocol: Rc::new(protocol),
            capability: Rc::new(RefCell::new(capability)),
        }
    }
}

impl<P: Protocol + 'static> Adapter for HttpAdapter<P> {
    fn capability(&self) -> Arc<Capability> {
        Arc::clone(&self.capability.borrow())
    }

    fn estimate(&self, _: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        ready(Err(no_estimate(self.endpoint.refusal()))).boxed_local()
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let endpoint = Rc::clone(&self.endpoint);
        let prepared = self.protocol.prepare(&endpoint, &call);
        async move {
            let Prepared { path, body, take } = prepared?;
            let is_stream = matches!(take, Take::Stream(_));
            let feed = endpoint.post(&call, path, body, is_stream).await?;
            let refusal = endpoint.refusal().clone();
            match take {
                Take::Stream(_) if !feed.may_be_events() => Err(refusal.fault(
                    Code::Adapter,
                    "answered in one piece where a stream was asked for",
                )),
                Take::Stream(listener) => Ok(run::streamed(
                    feed,
                    endpoint.settings().limits.event,
                    listener,
                    refusal,
                )),
                Take::Whole(limit, read) => Ok(run::whole(feed, limit, read, refusal)),
            }
        }
        .boxed_local()
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        let endpoint = Rc::clone(&self.endpoint);
        let path = self.protocol.probe_path();
        let capability = Rc::clone(&self.capability);
        async move {
            let (health, body) = endpoint.probe(path).await?;
            if endpoint.settings().capability.models.is_empty() && health.status == HealthStatus::Healthy {
                let models = catalogue(&body);
                let told = Capability {
                    models,
                    ..Capability::clone(&endpoint.settings().capability)
                };
                *capability.borrow_mut() = Arc::new(told);
            }
            Ok(health)
        }
        .boxed_local()
    }
}

/// Most models taken from a provider's list.
const MODELS_MAX: usize = 1_024;

/// The models of `GET …/models`, sorted; none if it is not such a list.
fn catalogue(body: &[u8]) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(serde::Deserialize)]
    struct Model {
        id: String,
    }
    let list = serde_json::from_slice(body).unwrap_or(List { data: Vec::new() });
    let mut models: Vec<String> = list
        .data
        .into_iter()
        .map(|model| model.id)
        .take(MODELS_MAX)
        .collect();
    models.sort_unstable();
    models.dedup();
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_models_is_read_and_anything_else_is_none() {
        let body = br#"{"object":"list","data":[{"id":"b","object":"model"},{"id":"a"},{"id":"b"}]}"#;
        assert_eq!(catalogue(body), ["a", "b"]);
        assert!(catalogue(b"<html>").is_empty());
    }
}
