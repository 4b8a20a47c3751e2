//! Logs, metrics and traces. Exporters are started by `main` only, because they own threads.

mod derived;
mod logs;
mod metrics;
mod panics;

pub use logs::init as init_logs;
pub use metrics::Exposition;
pub use panics::report_panics;
