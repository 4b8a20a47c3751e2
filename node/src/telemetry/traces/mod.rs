//! Spans to an OpenTelemetry collector, when one is configured (atp.md 27.2, ADR 0006).
//!
//! Everything of a request is recorded and held until the request has ended; then `tail` decides by tier what goes out, and
//! errors and escalations always do. A batch at a time is sent as OTLP over HTTP, by the SDK's own thread. At the bounds: a
//! queue that is full and a collector that does not answer lose spans, never time of a request.

mod context;
mod export;
mod rates;
mod tail;

use std::sync::Arc;

use atp_actors::spans::{TARGET, Traces, Untraced};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

pub use rates::{BadRates, Rates};

use self::context::Remote;
use self::export::exporter;
use self::tail::Tail;
use crate::config::{ConfigError, TelemetryConfig};

/// Where spans go.
pub struct Tracing {
    provider: Option<SdkTracerProvider>,
}

impl Tracing {
    /// The exporter that the configuration asks for; its thread runs from here on.
    ///
    /// # Errors
    /// A key that cannot be used.
    pub fn start(config: &TelemetryConfig, node: &str) -> Result<Self, ConfigError> {
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(Self { provider: None });
        };
        let rates = Rates::parse(&config.sampling)
            .map_err(|error| ConfigError::invalid("telemetry.sampling", error.to_string()))?;
        let exporter = exporter(endpoint)
            .map_err(|error| ConfigError::invalid("telemetry.otlp_endpoint", error.to_string()))?;
        let tail = Tail::new(rates, config.trace_verbose);
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", "atp-node"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", node.to_owned()),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_sampler(tail.sampler())
            .with_span_processor(tail.before(BatchSpanProcessor::builder(exporter).build()))
            .build();
        Ok(Self {
            provider: Some(provider),
        })
    }

    /// What turns spans into OpenTelemetry's; nothing without a collector.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let provider = self.provider.as_ref()?;
        let scope = InstrumentationScope::builder("atp-router").build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer_with_scope(scope))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target(TARGET, LevelFilter::TRACE)))
    }

    /// How spans are joined to those of peers.
    #[must_use]
    pub fn context(&self) -> Arc<dyn Traces> {
        match self.provider {
            Some(_) => Arc::new(Remote::default()),
            None => Arc::new(Untraced),
        }
    }

    /// Sends what is left, for at most five seconds.
    pub fn finish(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}
