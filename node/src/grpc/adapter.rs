//! The adapter: one client per arbiter.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::{Adapter, Call, LaneStream};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::{Estimate, UsageMeter};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Extensions, Request};

use super::answer::{self, Timers};
use super::refusal::Refusal;
use super::v1::HealthRequest;
use super::v1::adapter_service_client::AdapterServiceClient;
use super::{ask, report};
use crate::provider::settings::Settings;

pub(super) struct GrpcAdapter {
    settings: Arc<Settings>,
    endpoint: Endpoint,
    headers: HeaderMap,
    refusal: Refusal,
    capability: Rc<RefCell<Arc<Capability>>>,
    /// Made with the first call, since it belongs to the runtime it is made on.
    client: OnceCell<AdapterServiceClient<Channel>>,
}

impl GrpcAdapter {
    pub(super) fn new(settings: Arc<Settings>, endpoint: Endpoint, headers: HeaderMap) -> Self {
        let capability = settings.capability.clone();
        Self {
            settings,
            endpoint,
            headers,
            refusal: Refusal(capability.adapter_id.clone()),
            capability: Rc::new(RefCell::new(capability)),
            client: OnceCell::new(),
        }
    }

    fn client(&self) -> AdapterServiceClient<Channel> {
        let connect = || {
            AdapterServiceClient::new(self.endpoint.connect_lazy())
                .max_decoding_message_size(self.settings.limits.event)
        };
        self.client.get_or_init(connect).clone()
    }

    fn request<T>(&self, call: &Call, message: T) -> Request<T> {
        let headers = ask::headers(call, &self.headers);
        let mut request =
            Request::from_parts(MetadataMap::from_headers(headers), Extensions::default(), message);
        request.set_timeout(Duration::from_millis(call.deadline_ms));
        request
    }
}

impl Adapter for GrpcAdapter {
    fn capability(&self) -> Arc<Capability> {
        self.capability.borrow().clone()
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let request = self.request(call, ask::estimate(call));
        let (mut client, refusal) = (self.client(), self.refusal.clone());
        async move {
            let response = client
                .estimate(request)
                .await
                .map_err(|status| refusal.status(&status))?;
            report::estimate(response.into_inner()).map_err(|why| {
                refusal.fault(Code::Adapter, format_args!("its estimate is not usable: {why}"))
            })
        }
        .boxed_local()
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let request = self.request(&call, ask::stream(&call));
        let meter = UsageMeter::new(self.capability.borrow().usage_mode, call.budget);
        let (mut client, refusal, waits) = (self.client(), self.refusal.clone(), self.settings.waits);
        async move {
            let deadline = Duration::from_millis(call.deadline_ms);
            let mut timers = Timers::start(deadline, waits.first_chunk, waits.between_chunks);
            let response = timers
                .bound(&refusal, client.stream(request))
                .await?
                .map_err(|status| refusal.status(&status))?;
            Ok(answer::events(response.into_inner(), meter, timers, refusal))
        }
        .boxed_local()
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        let metadata = MetadataMap::from_headers(self.headers.clone());
        let request = Request::from_parts(metadata, Extensions::default(), HealthRequest {});
        let (mut client, refusal) = (self.client(), self.refusal.clone());
        let capability = Rc::clone(&self.capability);
        async move {
            let response = client
                .health(request)
                .await
                .map_err(|status| refusal.status(&status))?
                .into_inner();
            let declared = report::capability(&capability.borrow(), &response);
            if let Some(declared) = declared {
                capability.replace(Arc::new(declared));
            }
            Ok(report::health(&response))
        }
        .boxed_local()
    }
}
