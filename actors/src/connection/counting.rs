//! What a connection counts and traces (atp.md 27.1 and 27.2).

use atp_protocol::error::Fault;
use atp_protocol::frame::{self, Encoded, Flag, Frame};
use atp_protocol::payload::Kind;
use atp_protocol::units::Tier;
use atp_routing::audit::Subject;

use super::actor::Connection;
use crate::audit;
use crate::metrics::Sent;
use crate::spans;

impl Connection {
    pub(super) fn count_received(&self, frame: &Frame<'_>, is_cbor: bool, bytes: usize) {
        let wire = &self.router.world.meter.wire;
        wire.received(frame.qos, is_cbor, bytes);
        if frame.flags.has(Flag::Heartbeat) || frame.payload.kind == Some(Kind::Heartbeat) {
            wire.beats_received.increment(1);
        }
        if frame.payload.kind.is_none() {
            wire.unknown_types.increment(1);
        }
    }

    /// A message did not become a frame.
    pub(super) fn count_refused(&self, fault: &Fault) {
        let meter = &self.router.world.meter;
        meter.error(fault.code, fault.scope);
        if frame::is_checksum_failure(fault) {
            meter.wire.checksum_failures.increment(1);
        }
        audit::frame_refused(&self.router.world, self.subject(), fault);
        audit::failed(&self.router.world, self.subject(), fault.code, fault.scope);
    }

    /// Whom the audit log names, as far as it is known.
    pub(super) fn subject(&self) -> Subject {
        Subject::session(&self.identity.tenant, self.named_session.as_ref())
    }

    pub(super) fn trace_received(&mut self, frame: &Frame<'_>) {
        self.heard = self.now();
        if frame.payload.kind == Some(Kind::Ack) {
            spans::connection::acknowledged(&self.span, frame);
        }
    }

    pub(super) fn trace_sent(&self, kind: Sent, frame: &Frame<'_>) {
        match (kind, frame.payload.kind) {
            (Sent::Heartbeat, _) => spans::connection::beat(&self.span, self.silent_s()),
            (_, Some(Kind::WindowUpdate)) => spans::connection::window(&self.span, frame),
            (Sent::Error, _) => spans::connection::retransmit(&self.span, frame),
            _ => {}
        }
    }

    /// Seconds since a message came.
    pub(super) fn silent_s(&self) -> f64 {
        self.now().since(self.heard) as f64 / 1_000.0
    }

    pub(super) fn count_sent(&self, kind: Sent, tier: Option<Tier>, encoded: &Encoded) {
        let wire = &self.router.world.meter.wire;
        let (is_cbor, bytes) = match encoded {
            Encoded::Text(text) => (false, text.len()),
            Encoded::Binary(bytes) => (true, bytes.len()),
        };
        wire.sent(kind, tier, is_cbor, bytes);
        if kind == Sent::Heartbeat {
            wire.beats_sent.increment(1);
        }
    }

    /// What the streams did since this was last called, and what they hold.
    pub(super) fn count_streams(&mut self) {
        let tally = self.machine.take_tally();
        for (stream, joined) in &tally.joined {
            spans::connection::reassembled(&self.span, stream, joined);
        }
        if !tally.is_empty() {
            self.router.world.meter.wire.count(&tally);
        }
        self.holding.tell(self.machine.footprint());
    }
}
