//! Frames, fragments, acknowledgements, heartbeats (atp.md sections 3 to 12).

use atp_protocol::connection::{Footprint, Tally};
use atp_protocol::frame::{Flag, Frame};
use atp_protocol::payload::Kind;
use atp_protocol::units::Tier;
use metrics::{Counter, Gauge, Histogram};

use super::register::Register;

const ENCODINGS: [&str; 2] = ["json", "cbor"];

/// Tiers of frames; those of the control stream have none.
const TIERS: [&str; 4] = ["gold", "silver", "bronze", "none"];

/// What a sent frame is, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// `control.ack`.
    Ack,
    /// `agent.result.partial`.
    Partial,
    /// `agent.result.provisional`.
    Provisional,
    /// `agent.result.final`.
    Final,
    /// Another unsequenced payload.
    Control,
    /// `control.error`, `agent.error`.
    Error,
    /// A heartbeat or the answer to one.
    Heartbeat,
    /// Everything else.
    Other,
}

impl Sent {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Ack, "ack"),
        (Self::Partial, "partial"),
        (Self::Provisional, "provisional"),
        (Self::Final, "final"),
        (Self::Control, "control"),
        (Self::Error, "error"),
        (Self::Heartbeat, "hb"),
        (Self::Other, "other"),
    ];

    /// How `frame` is counted.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Self {
        if frame.flags.has(Flag::Heartbeat) {
            return Self::Heartbeat;
        }
        match frame.payload.kind {
            Some(Kind::Ack) => Self::Ack,
            Some(Kind::AgentPartial | Kind::AgentStream) => Self::Partial,
            Some(Kind::AgentProvisional) => Self::Provisional,
            Some(Kind::AgentFinal) => Self::Final,
            Some(Kind::Error | Kind::AgentError) => Self::Error,
            Some(Kind::Heartbeat) => Self::Heartbeat,
            Some(kind) if !kind.is_sequenced() => Self::Control,
            Some(_) | None => Self::Other,
        }
    }
}

/// What a connection holds, as gauges know it; given back when dropped.
pub struct Holding {
    lanes: Gauge,
    reassembling: Gauge,
    bytes: Gauge,
    told: Footprint,
}

impl Holding {
    /// Says what the connection holds now.
    pub fn tell(&mut self, holds: Footprint) {
        let told = std::mem::replace(&mut self.told, holds);
        let shift = |gauge: &Gauge, before: usize, now: usize| {
            if before != now {
                gauge.increment(now as f64 - before as f64);
            }
        };
        shift(&self.lanes, told.lanes, holds.lanes);
        shift(&self.reassembling, told.reassembling, holds.reassembling);
        shift(&self.bytes, told.bytes, holds.bytes);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.tell(Footprint::default());
    }
}

/// Series of ATP connections.
pub struct Wire {
    received: [[Counter; 2]; 4],
    sent: [[Counter; 4]; 8],
    bytes: [[Histogram; 2]; 2],
    /// Frames without a valid signature.
    pub signature_failures: Counter,
    /// Frames whose checksum is not theirs.
    pub checksum_failures: Counter,
    /// Payloads of a type this version does not know.
    pub unknown_types: Counter,
    /// Heartbeats that were sent.
    pub beats_sent: Counter,
    /// Heartbeats that came.
    pub beats_received: Counter,
    /// Peers that fell silent.
    pub beats_missed: Counter,
    /// Nonces that came twice.
    pub replays: Counter,
    fragments: Histogram,
    fragment_checksum_failures: Counter,
    late: Counter,
    conflicts: Counter,
    duplicates: Counter,
    acknowledged: Counter,
    missing: Counter,
    requested: Counter,
    hole_waits: Histogram,
    lanes: Gauge,
    reassembling: Gauge,
    held_bytes: Gauge,
}

impl Wire {
    pub(super) fn new(register: &Register) -> Self {
        let counter = |name| register.counter(name, &[]);
        Self {
            received: TIERS.map(|tier| {
                ENCODINGS
                    .map(|encoding| register.counter("frames_rx", &[("qos", tier), ("encoding", encoding)]))
            }),
            sent: Sent::ALL.map(|(_, kind)| {
                TIERS.map(|tier| register.counter("frames_tx", &[("kind", kind), ("qos", tier)]))
            }),
            bytes: ["rx", "tx"].map(|dir| {
                ENCODINGS.map(|encoding| {
                    register.histogram("frame_bytes", &[("dir", dir), ("encoding", encoding)])
                })
            }),
            signature_failures: counter("frame_signature_fail_total"),
            checksum_failures: counter("frame_checksum_fail_total"),
            unknown_types: counter("unknown_payload_types_total"),
            beats_sent: counter("heartbeats_tx"),
            beats_received: counter("heartbeats_rx"),
            beats_missed: counter("heartbeats_missed_total"),
            replays: counter("replay_reject_total"),
            fragments: register.histogram("fragment_count_per_message", &[]),
            fragment_checksum_failures: counter("fragment_checksum_fail_total"),
            late: counter("late_fragments_dropped"),
            conflicts: counter("fragment_conflicts_total"),
            duplicates: counter("duplicate_messages_dropped_total"),
            acknowledged: counter("acks_tx"),
            missing: counter("retransmit_requests"),
            requested: counter("retransmit_frames_total"),
            hole_waits: register.histogram("buffer_wait_ms", &[]),
            lanes: register.gauge("lanes_active", &[]),
            reassembling: register.gauge("reassembly_inflight", &[]),
            held_bytes: register.gauge("reassembly_bytes", &[]),
        }
    }

    /// A frame was accepted.
    pub fn received(&self, tier: Option<Tier>, is_cbor: bool, bytes: usize) {
        self.received[tier.map_or(3, Tier::index)][usize::from(is_cbor)].increment(1);
        self.bytes[0][usize::from(is_cbor)].record(bytes as f64);
    }

    /// A frame was encoded for sending.
    pub fn sent(&self, kind: Sent, tier: Option<Tier>, is_cbor: bool, bytes: usize) {
        self.sent[kind as usize][tier.map_or(3, Tier::index)].increment(1);
        self.bytes[1][usize::from(is_cbor)].record(bytes as f64);
    }

    /// Counts what a connection's streams did.
    pub fn count(&self, tally: &Tally) {
        for _ in 0..tally.whole_messages {
            self.fragments.record(1.0);
        }
        for (_, joined) in &tally.joined {
            self.fragments.record(f64::from(joined.parts));
        }
        for waited in &tally.hole_waits_ms {
            self.hole_waits.record(*waited as f64);
        }
        let counts = [
            (&self.duplicates, tally.duplicate_messages),
            (&self.late, tally.late_fragments),
            (&self.conflicts, tally.fragment_conflicts),
            (&self.fragment_checksum_failures, tally.fragment_checksum_failures),
            (&self.acknowledged, tally.acknowledged),
            (&self.requested, tally.requested),
        ];
        for (counter, count) in counts {
            if count > 0 {
                counter.increment(u64::from(count));
            }
        }
        if tally.missing > 0 {
            self.missing.increment(tally.missing);
        }
    }

    /// What a new connection holds: nothing yet.
    #[must_use]
    pub fn holding(&self) -> Holding {
        Holding {
            lanes: self.lanes.clone(),
            reassembling: self.reassembling.clone(),
            bytes: self.held_bytes.clone(),
            told: Footprint::default(),
        }
    }
}
