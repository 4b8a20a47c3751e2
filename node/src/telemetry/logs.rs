//! Log lines on standard error: one JSON object each, or text for people.

use std::io::{self, IsTerminal as _};

use atp_actors::spans::TARGET;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use super::Tracing;
use super::lines::Lines;
use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// What a client sends that is no HTTP is its own affair, told it with 400; the library logs it as an error of the node.
const NO_PARSE_ERRORS: &str = "actix_http::h1::dispatcher=off";

/// The library of Raft tells every step it takes. What becomes of them the node logs itself: changes of leaders and members.
const RAFT: &str = "openraft";

/// Its part that tells, as an error and with every try, of members that cannot be reached. The link tells so once.
const RAFT_REACHING: &str = "openraft::replication";

/// Which lines are let through.
type Lets = Box<dyn Filter<Registry> + Send + Sync>;

/// What decides which lines of the process's log are written. Clones are the same.
#[derive(Clone)]
pub struct LogFilter(reload::Handle<Lets, Registry>);

impl LogFilter {
    /// From here on lines are let through by `telemetry.log` as given.
    ///
    /// # Errors
    /// When it is not a filter, or the log has ended; lines are then let through as before.
    pub fn set(&self, log: &str) -> Result<(), ConfigError> {
        self.0.reload(lets(log)?).map_err(|error| invalid(&error))
    }
}

/// Checks `telemetry.log`.
///
/// # Errors
/// When it is not a filter.
pub(crate) fn check_filter(log: &str) -> Result<(), ConfigError> {
    lets(log).map(drop)
}

/// Installs the process's log output and, where `tracing` has a collector, its spans. Called once, by `main`.
///
/// # Errors
/// When `telemetry.log` is not a filter.
pub fn init(config: &TelemetryConfig, tracing: &Tracing) -> Result<LogFilter, ConfigError> {
    let (subscriber, filter) = subscriber(config, tracing)?;
    subscriber.try_init().map_err(|error| invalid(&error))?;
    Ok(filter)
}

fn subscriber(
    config: &TelemetryConfig,
    tracing: &Tracing,
) -> Result<(Box<dyn Subscriber + Send + Sync>, LogFilter), ConfigError> {
    let (filter, handle) = reload::Layer::new(lets(&config.log)?);
    let logs = match config.log_format {
        LogFormat::Json => fmt::layer().event_format(Lines).with_writer(io::stderr).boxed(),
        LogFormat::Text => fmt::layer()
            .compact()
            // Colours are for eyes: a file or a pipe gets none.
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .boxed(),
    };
    let registry = Registry::default().with(logs.with_filter(filter));
    // An absent layer counts as one that wants everything: each span of every library would be kept for nobody.
    let subscriber: Box<dyn Subscriber + Send + Sync> = match tracing.layer() {
        Some(spans) => Box::new(registry.with(spans)),
        None => Box::new(registry),
    };
    Ok((subscriber, LogFilter(handle)))
}

fn lets(log: &str) -> Result<Lets, ConfigError> {
    // Spans are for collectors alone: a wide filter of logs does not make anybody pay for them.
    let no_spans = format!("{TARGET}=off").parse().expect("a directive");
    let filter = EnvFilter::try_new(log)
        .map_err(|error| invalid(&error))?
        .add_directive(no_spans)
        .add_directive(NO_PARSE_ERRORS.parse().expect("a directive"));
    let asks_for_raft = log.contains(RAFT);
    Ok(Box::new(
        filter.and(filter_fn(move |of| asks_for_raft || is_worth_telling(of))),
    ))
}

fn invalid(error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::invalid("telemetry.log", error.to_string())
}

/// Whether an operator who did not name Raft's library wants to read the line.
fn is_worth_telling(of: &Metadata<'_>) -> bool {
    let target = of.target();
    !target.starts_with(RAFT) || *of.level() == Level::ERROR && !target.starts_with(RAFT_REACHING)
}

#[cfg(test)]
mod tests {
    use tracing::{debug_span, info_span, subscriber};

    use super::*;

    #[test]
    fn spans_of_libraries_cost_nothing_where_nobody_collects_them() {
        let config = TelemetryConfig::default();
        let tracing = Tracing::start(&config, "n").expect("without a collector");
        let (installed, _) = super::subscriber(&config, &tracing).expect("the default filter");
        subscriber::with_default(installed, || {
            assert!(debug_span!(target: "openraft::core", "append").is_disabled());
            assert!(info_span!(target: TARGET, "request").is_disabled());
        });
    }
}
