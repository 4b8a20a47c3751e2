//! Configuration: text becomes a checked, typed [`Config`] once, at start; below that nobody reads files or environment.
//!
//! One TOML file; `ATP_SECTION__KEY` in the environment overrides a key; secrets are named by reference (`env:NAME`,
//! `file:PATH`). An unknown key is an error with its line and the nearest known name. Every key: docs/configuration.md.

mod cluster;
mod dev;
mod error;
mod file;
mod kept;
mod overrides;
mod reference;
mod reloadable;
mod telemetry;
mod validate;

pub use cluster::ClusterConfig;
pub use dev::DevOptions;
pub use error::ConfigError;
pub use file::{
    AccountConfig, AimdConfig, AuthConfig, AuthStyle, BreakerConfig, BudgetConfig, CompatConfig, Config,
    KeyConfig, LimitsConfig, NodeConfig, PolicyConfig, PriceConfig, ProviderConfig, ProviderKind,
    SchedulerConfig, TimeoutsConfig, TlsConfig,
};
pub use reference::SecretRef;
pub(crate) use reloadable::{RELOADABLE, Reloadable};
pub use telemetry::{AuditConfig, LogFormat, MetricsConfig, TelemetryConfig};

/// Built-in adapters there are, by the names `builtins` may list.
pub const BUILTINS: [&str; 4] = [
    "summarizer.local",
    "keywords.local",
    "reviewer.local",
    "replay.local",
];

/// Looks up a variable of the process.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub(crate) fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
