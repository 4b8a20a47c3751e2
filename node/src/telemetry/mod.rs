//! Logs, metrics and traces (atp.md section 27, ADR 0006). Exporters are started by `main` only, because they own threads.

mod derived;
mod lines;
mod logs;
mod metrics;
mod panics;
mod traces;

pub(crate) use logs::check_filter;
pub use logs::{LogFilter, init};
pub use metrics::Exposition;
pub use panics::report_panics;
pub use traces::{BadRates, Rates, Tracing};
