//! What happened since it was last asked, for whoever counts (atp.md 27.1): machines have no meters.

use super::StreamKey;

/// A message whose last fragment came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Which, of its lane.
    pub msg_seq: u64,
    /// Fragments it had.
    pub parts: u32,
    /// Bytes of its content.
    pub bytes: usize,
}

/// Facts about what was received and answered, summed over the streams of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that came in one piece.
    pub whole_messages: u32,
    /// Messages that were joined from fragments.
    pub joined: Vec<(StreamKey, Joined)>,
    /// Messages dropped because they had come before.
    pub duplicate_messages: u32,
    /// Fragments dropped because their message was over.
    pub late_fragments: u32,
    /// Fragments dropped because others are held under their index.
    pub fragment_conflicts: u32,
    /// Fragments and messages dropped because their checksum is wrong.
    pub fragment_checksum_failures: u32,
    /// Fragment positions told to the peer as arrived, each once.
    pub acknowledged: u32,
    /// Fragments found missing, at each look.
    pub missing: u64,
    /// Fragments and messages asked for again.
    pub requested: u32,
    /// How long each lane that went on again had waited for a missing message, in milliseconds.
    pub hole_waits_ms: Vec<u64>,
}

impl Tally {
    /// Whether there is nothing to count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another stream did.
    pub(crate) fn add(&mut self, other: Self) {
        self.whole_messages += other.whole_messages;
        self.joined.extend(other.joined);
        self.duplicate_messages += other.duplicate_messages;
        self.late_fragments += other.late_fragments;
        self.fragment_conflicts += other.fragment_conflicts;
        self.fragment_checksum_failures += other.fragment_checksum_failures;
        self.acknowledged += other.acknowledged;
        self.missing += other.missing;
        self.requested += other.requested;
        self.hole_waits_ms.extend(other.hole_waits_ms);
    }
}

/// What a stream or a connection holds at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Lanes that received something.
    pub lanes: usize,
    /// Messages under reassembly.
    pub reassembling: usize,
    /// Bytes under reassembly, or waiting for an earlier message.
    pub bytes: usize,
}

impl Footprint {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            lanes: self.lanes + other.lanes,
            reassembling: self.reassembling + other.reassembling,
            bytes: self.bytes + other.bytes,
        }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self {
            lanes: self.lanes - other.lanes,
            reassembling: self.reassembling - other.reassembling,
            bytes: self.bytes - other.bytes,
        }
    }
}
