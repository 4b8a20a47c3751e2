//! What a connection counts (atp.md 27.1).

use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::{self, Encoded, Flag, Frame};
use atp_protocol::payload::Kind;
use atp_protocol::units::Tier;

use super::actor::Connection;
use crate::metrics::Sent;

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
        match fault.code {
            Code::Auth => meter.wire.signature_failures.increment(1),
            Code::Replay => meter.wire.replays.increment(1),
            _ if frame::is_checksum_failure(fault) => meter.wire.checksum_failures.increment(1),
            _ => {}
        }
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
        if !tally.is_empty() {
            self.router.world.meter.wire.count(&tally);
        }
        self.holding.tell(self.machine.footprint());
    }
}
