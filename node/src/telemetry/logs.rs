//! Log lines on standard error: one JSON object each, or text for people.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// Installs the process's log output. Called once, by `main`.
///
/// # Errors
/// When `telemetry.log` is not a filter.
pub fn init(config: &TelemetryConfig) -> Result<(), ConfigError> {
    let invalid = |error: String| ConfigError::Invalid {
        key: "telemetry.log".to_owned(),
        message: error,
    };
    let filter = EnvFilter::try_new(&config.log).map_err(|error| invalid(error.to_string()))?;
    let registry = Registry::default().with(filter);
    match config.log_format {
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
        LogFormat::Text => registry
            .with(fmt::layer().compact().with_writer(std::io::stderr))
            .try_init(),
    }
    .map_err(|error| invalid(error.to_string()))
}
