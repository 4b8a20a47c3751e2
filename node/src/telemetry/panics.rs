//! A panic is a defect: it is logged with its place and survived by everything but its own actor.

use std::panic;
use std::sync::Arc;

use atp_actors::metrics::Meter;
use tracing::error;

/// Installs the process's panic hook. Nobody can tell which node of a process it was, so that all of `meters` count it. The message may quote a request, so only its place is logged.
pub fn report_panics(meters: Vec<Arc<Meter>>) {
    panic::set_hook(Box::new(move |info| {
        for meter in &meters {
            meter.panics.increment(1);
        }
        let place = info.location().map_or_else(String::new, ToString::to_string);
        error!(place, "a component failed; report this as a defect");
    }));
}
