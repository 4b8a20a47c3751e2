//! What a connection agreed on, as far as its streams depend on it.

use crate::ack::AckConfig;
use crate::fragment::{Marking, ReassemblyConfig, SplitConfig};
use crate::frame::{Flag, Flags};
use crate::lane::Start;
use crate::limits::Limits;
use crate::liveness::Timing;

/// Terms of the connection a stream is on. Replaced when a stream moves to another connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// No hello was exchanged.
    pub is_legacy: bool,
    /// The encoding is CBOR, so that bytes need no base64.
    pub is_cbor: bool,
    /// Missing fragments may be asked for.
    pub has_nack: bool,
    /// Streams outlive the connection.
    pub has_resume: bool,
    /// Fragments and messages carry checksums.
    pub has_checksum: bool,
    /// Fragments carry the Merkle root instead.
    pub has_merkle: bool,
    /// How fragments are marked.
    pub marking: Marking,
    /// How large they are.
    pub split: SplitConfig,
    /// Bounds of reassembly; `has_nack` and the size of messages are set from here.
    pub reassembly: ReassemblyConfig,
    /// Hard limits.
    pub limits: Limits,
    /// Bytes a stream may have sent and not acknowledged.
    pub send_buffer_bytes: usize,
    /// Idle time before a stream is finished, in milliseconds.
    pub idle_fin_ms: u64,
    /// Wait for the peer's FIN after ours, in milliseconds.
    pub fin_wait_ms: u64,
}

impl Profile {
    /// The baseline of connections without hello.
    #[must_use]
    pub fn legacy(limits: Limits) -> Self {
        let frame = SplitConfig {
            frame_bytes: limits.frame_bytes,
            ..SplitConfig::default()
        };
        Self {
            is_legacy: true,
            is_cbor: false,
            has_nack: false,
            has_resume: false,
            has_checksum: false,
            has_merkle: false,
            marking: Marking::Native,
            // Older clients do not join fragments: nothing is split that fits a frame.
            split: SplitConfig {
                base_text: limits.frame_bytes,
                base_binary: limits.frame_bytes,
                ..frame
            },
            reassembly: ReassemblyConfig {
                messages: limits.reassembly_messages,
                message_bytes: limits.message_bytes,
                ..ReassemblyConfig::default()
            },
            limits,
            send_buffer_bytes: 4 * 1024 * 1024,
            idle_fin_ms: Timing::LEGACY.idle_fin_ms,
            fin_wait_ms: 10_000,
        }
    }

    /// Sets the fragment markers of one fragment of `count`.
    pub(super) const fn mark(&self, flags: &mut Flags, frag_seq: usize, count: usize) {
        let markers = self.marking.of(frag_seq, count);
        if markers.more {
            flags.insert(Flag::More);
        }
        if markers.frag {
            flags.insert(Flag::Frag);
        }
        if markers.last {
            flags.insert(Flag::Last);
        }
    }

    /// When the receiving side acknowledges.
    #[must_use]
    pub const fn acks(&self) -> AckConfig {
        if self.is_legacy {
            AckConfig::LEGACY
        } else {
            AckConfig::NATIVE
        }
    }

    /// Which numbers a lane may begin with.
    #[must_use]
    pub const fn start(&self) -> Start {
        if self.is_legacy {
            Start::Any
        } else {
            Start::ZeroOrOne
        }
    }
}
