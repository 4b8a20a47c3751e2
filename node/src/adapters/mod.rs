//! Attaches what the configuration names: built-ins and providers.

mod origin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::AdapterFactory;
use atp_actors::cpu::Cpu;
use atp_actors::environment::World;
use atp_actors::registry::{AdapterSpec, Attachment, PriceList, RegistryHandle};
use atp_protocol::adapter::{Capability, UsageMode};
use atp_protocol::estimate::Price;
use atp_protocol::ids::AdapterId;
use atp_protocol::request::Demand;

use crate::builtin::{self, Recording, Replay};
use crate::config::{AuthStyle, Config, PriceConfig, ProviderConfig, ProviderKind, process_env};
use crate::cpu::CpuPool;
use crate::grpc::Grpc;
use crate::node::StartError;
use crate::provider::anthropic::Anthropic;
use crate::provider::http::{Dial, HttpDial};
use crate::provider::openai::OpenAi;
use crate::provider::settings::{Auth, Limits, Settings, SettingsError, Waits};

pub(crate) use origin::{Origins, models_digest, origins};

/// Registers every adapter of the configuration.
pub(crate) async fn attach(
    config: &Config,
    registry: &RegistryHandle,
    world: &World,
) -> Result<(), StartError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pool = CpuPool::start(threads).map_err(|source| StartError::System {
        what: "start a thread".to_owned(),
        source,
    })?;
    let cpu: Arc<dyn Cpu> = Arc::new(pool);
    for factory in builtin::factories(&cpu, sleep()) {
        let capability = factory.build().capability();
        let id = capability.adapter_id.clone();
        if config.builtins.iter().any(|name| name == id.as_str()) {
            let spec = AdapterSpec {
                prices: prices(config, id.as_str(), &capability.models),
                capability,
                owner: None,
                factory,
                attachment: Attachment::Local,
                region: "local".into(),
                window: 1_024,
                cancel_stops_billing: true,
            };
            register(registry, id.as_str(), spec).await?;
        }
    }
    if !config.providers.is_empty() {
        let dial: Arc<dyn Dial> = Arc::new(dial(&config.providers)?);
        for provider in &config.providers {
            let spec = provider_spec(config, provider, &dial, world)?;
            register(registry, &provider.id, spec).await?;
        }
    }
    Ok(())
}

/// Tokio's time, which simulation makes its own.
fn sleep() -> builtin::Sleep {
    Arc::new(|ms| Box::pin(tokio::time::sleep(Duration::from_millis(ms))))
}

/// Without a provider behind TLS no root certificates are needed, and a machine may have none.
fn dial(providers: &[ProviderConfig]) -> Result<HttpDial, StartError> {
    if !providers
        .iter()
        .any(|provider| provider.url.starts_with("https://"))
    {
        return Ok(HttpDial::plaintext());
    }
    HttpDial::with_native_roots().map_err(|source| StartError::System {
        what: "load the system's root certificates; install the package ca-certificates".to_owned(),
        source,
    })
}

async fn register(registry: &RegistryHandle, id: &str, spec: AdapterSpec) -> Result<(), StartError> {
    registry
        .register(spec)
        .await
        .map_err(|fault| StartError::Adapter {
            id: id.to_owned(),
            message: fault.to_string(),
        })
}

fn provider_spec(
    config: &Config,
    provider: &ProviderConfig,
    dial: &Arc<dyn Dial>,
    world: &World,
) -> Result<AdapterSpec, StartError> {
    let capability = Arc::new(capability(provider));
    let clock = Arc::clone(&world.clock);
    let unix = Arc::new(move || clock.unix());
    let settings = || settings(config, provider, &capability, &process_env);
    let unusable = |error: SettingsError| fail(provider, &error);
    let factory: Arc<dyn AdapterFactory> = match provider.kind {
        ProviderKind::Openai => Arc::new(OpenAi::new(settings()?, Arc::clone(dial), unix).map_err(unusable)?),
        ProviderKind::Anthropic => {
            Arc::new(Anthropic::new(settings()?, Arc::clone(dial), unix).map_err(unusable)?)
        }
        ProviderKind::Grpc => Arc::new(Grpc::new(settings()?).map_err(unusable)?),
        ProviderKind::Replay => {
            let recording = Arc::new(recording(provider)?);
            Arc::new(Replay::of_recording(Arc::clone(&capability), recording, sleep()))
        }
    };
    Ok(AdapterSpec {
        capability,
        owner: None,
        factory,
        attachment: Attachment::Configured,
        region: provider.region.as_deref().unwrap_or("local").into(),
        prices: prices(config, &provider.id, &provider.models),
        window: u32::try_from(provider.max_connections).unwrap_or(u32::MAX),
        cancel_stops_billing: provider.cancel_stops_billing,
    })
}

/// What would keep the configured providers from being attached; connects to nothing.
pub(crate) fn problems(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let of = |provider: &ProviderConfig| {
        let told = match check(config, provider, env).err()? {
            StartError::Adapter { message, .. } => message,
            other => other.to_string(),
        };
        Some(format!("providers.{}: {told}", provider.id))
    };
    let roots = dial(&config.providers).err().map(|error| error.to_string());
    config.providers.iter().filter_map(of).chain(roots).collect()
}

fn check(
    config: &Config,
    provider: &ProviderConfig,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(), StartError> {
    if provider.kind == ProviderKind::Replay {
        return recording(provider).map(drop);
    }
    let settings = settings(config, provider, &Arc::new(capability(provider)), env)?;
    let usable = settings.check().and_then(|()| settings.auth.header());
    usable.map(drop).map_err(|error| fail(provider, &error))
}

fn recording(provider: &ProviderConfig) -> Result<Recording, StartError> {
    let text = std::fs::read_to_string(&provider.url).map_err(|error| fail(provider, &error))?;
    Recording::read(&text).map_err(|error| fail(provider, &error))
}

fn fail(provider: &ProviderConfig, why: &dyn std::fmt::Display) -> StartError {
    StartError::Adapter {
        id: provider.id.clone(),
        message: format!("{}: {why}", provider.url),
    }
}

fn settings(
    config: &Config,
    provider: &ProviderConfig,
    capability: &Arc<Capability>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, StartError> {
    let base_url: http::Uri = provider
        .url
        .parse()
        .map_err(|error: http::uri::InvalidUri| fail(provider, &error))?;
    Ok(Settings {
        capability: Arc::clone(capability),
        base_url,
        auth: auth(provider, env)?,
        headers: http::HeaderMap::new(),
        api_version: provider.api_version.clone(),
        limit_member: None,
        waits: Waits {
            connect: Duration::from_millis(config.timeouts.connect_ms),
            first_chunk: Duration::from_millis(config.timeouts.first_chunk_ms),
            between_chunks: Duration::from_millis(config.timeouts.idle_ms),
            ..Waits::default()
        },
        limits: Limits {
            in_flight: provider.max_connections,
            ..Limits::default()
        },
    })
}

fn auth(provider: &ProviderConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<Auth, StartError> {
    let Some(reference) = &provider.key else {
        return Ok(Auth::None);
    };
    let key = reference.resolve(env)?;
    let style = provider.auth.unwrap_or(match provider.kind {
        ProviderKind::Anthropic => AuthStyle::XApiKey,
        ProviderKind::Openai | ProviderKind::Grpc | ProviderKind::Replay => AuthStyle::Bearer,
    });
    Ok(match style {
        AuthStyle::Bearer => Auth::Bearer(key),
        AuthStyle::ApiKey => Auth::ApiKey(key),
        AuthStyle::XApiKey => Auth::XApiKey(key),
        AuthStyle::None => Auth::None,
    })
}

fn capability(provider: &ProviderConfig) -> Capability {
    let id = AdapterId::new(&provider.id).expect("checked with the configuration");
    let adapter_type = match provider.kind {
        ProviderKind::Openai => "openai",
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::Grpc => "grpc",
        ProviderKind::Replay => "replay",
    };
    Capability {
        capabilities: provider.capabilities.clone(),
        models: provider.models.clone(),
        max_tokens: provider.context_tokens,
        max_parallel: u32::try_from(provider.max_connections).ok(),
        safety_domains: provider.data_scopes.clone(),
        personas: provider.personas.clone(),
        // A gRPC adapter that counts otherwise declares so with its health.
        usage_mode: match provider.kind {
            ProviderKind::Grpc => UsageMode::Delta,
            ProviderKind::Openai | ProviderKind::Anthropic | ProviderKind::Replay => UsageMode::Cumulative,
        },
        estimate: matches!(provider.kind, ProviderKind::Grpc | ProviderKind::Replay),
        // What the protocol it is called by has no words for.
        lacks: match provider.kind {
            ProviderKind::Openai => Vec::new(),
            ProviderKind::Anthropic => vec![Demand::Choices, Demand::ResponseFormat],
            ProviderKind::Grpc | ProviderKind::Replay => vec![Demand::Choices],
        },
        ..Capability::new(id, adapter_type)
    }
}

/// Prices by model; the adapter's own entry is that of all others.
fn prices(config: &Config, id: &str, models: &[String]) -> PriceList {
    let price = |name: &str| {
        config.prices.get(name).map(|price| Price {
            input: price.in_usd_micros_per_million,
            output: price.out_usd_micros_per_million,
        })
    };
    let models: BTreeMap<String, Price> = models
        .iter()
        .filter_map(|model| Some((model.clone(), price(model)?)))
        .collect();
    PriceList {
        models,
        other: price(id),
    }
}

/// Every price of the configuration, for adapters that join at run time.
pub(crate) fn price_table(config: &Config) -> BTreeMap<String, Price> {
    let price = |price: &PriceConfig| Price {
        input: price.in_usd_micros_per_million,
        output: price.out_usd_micros_per_million,
    };
    config
        .prices
        .iter()
        .map(|(name, of)| (name.clone(), price(of)))
        .collect()
}
