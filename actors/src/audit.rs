//! The seam to the audit log (atp.md 27.3, docs/adr/0007), and what is noted from several places.

use std::sync::Arc;

use atp_protocol::error::{Code, Fault, Scope};
use atp_routing::audit::{Event, Subject};

use crate::environment::World;

/// Where events are put on record.
pub trait Audit: Send + Sync {
    /// Notes an event with its time, and never waits: at its bound an event is lost, and that is noted.
    fn note(&self, event: Event);
}

/// Notes nothing.
pub struct Unaudited;

impl Audit for Unaudited {
    fn note(&self, _: Event) {}
}

/// A fresh [`Unaudited`].
#[must_use]
pub fn unaudited() -> Arc<dyn Audit> {
    Arc::new(Unaudited)
}

/// Notes and counts a frame that did not pass its checks for want of a signature or of freshness; other faults are not
/// its business.
pub fn frame_refused(world: &World, subject: Subject, fault: &Fault) {
    let wire = &world.meter.wire;
    match fault.code {
        Code::Auth => wire.signature_failures.increment(1),
        Code::Replay => wire.replays.increment(1),
        _ => return,
    }
    let code = fault.code;
    world.audit.note(Event::FrameRefused { subject, code });
}

/// Notes an error that ends a stream or more; frames, messages and lanes go by unnoted.
pub(crate) fn failed(world: &World, subject: Subject, code: Code, scope: Scope) {
    if scope >= Scope::Stream {
        world.audit.note(Event::Failed { subject, code, scope });
    }
}
