//! From what a hello agreed to what streams and timers go by (atp.md 8.1 and 8.3).

use super::Config;
use crate::fragment::{Marking, ReassemblyConfig, SplitConfig, Unit};
use crate::hello::{Feature, HelloAck};
use crate::limits::Limits;
use crate::liveness::Timing;
use crate::stream::Profile;

/// What holds on a connection without hello.
pub(super) fn baseline(config: &Config) -> (Profile, Timing) {
    let profile = Profile {
        send_buffer_bytes: config.send_buffer_bytes,
        has_resume: config.has_resume,
        fin_wait_ms: config.fin_wait_ms,
        ..Profile::legacy(config.limits)
    };
    (profile, Timing::LEGACY)
}

/// What holds after a hello. Sizes are the smaller of ours and what was agreed.
pub(super) fn agreed(config: &Config, ack: &HelloAck) -> (Profile, Timing) {
    let has = |feature: Feature| ack.features.has(feature.as_str());
    let smaller = |ours: usize, agreed: u64| usize::try_from(agreed).map_or(ours, |agreed| agreed.min(ours));
    let limits = Limits {
        frame_bytes: smaller(config.limits.frame_bytes, ack.max_frame_bytes),
        message_bytes: smaller(config.limits.message_bytes, ack.max_message_bytes),
        ..config.limits
    };
    let timing = Timing::agreed(Some(ack.hb_interval_ms), Some(ack.idle_fin_ms));
    let is_legacy_marked = has(Feature::FragLast);
    let profile = Profile {
        is_legacy: false,
        is_cbor: ack.encoding == "cbor",
        has_nack: has(Feature::Nack),
        has_resume: config.has_resume || has(Feature::Resume),
        has_checksum: has(Feature::Checksum),
        has_merkle: has(Feature::Merkle),
        marking: if is_legacy_marked {
            Marking::Legacy
        } else {
            Marking::Native
        },
        split: SplitConfig {
            unit: if is_legacy_marked {
                Unit::CodePoints
            } else {
                Unit::Bytes
            },
            frame_bytes: limits.frame_bytes,
            ..SplitConfig::default()
        },
        reassembly: ReassemblyConfig {
            messages: limits.reassembly_messages,
            message_bytes: limits.message_bytes,
            has_nack: has(Feature::Nack),
            max_nacks: config.max_nacks,
            ..ReassemblyConfig::default()
        },
        limits,
        send_buffer_bytes: config.send_buffer_bytes,
        idle_fin_ms: timing.idle_fin_ms,
        fin_wait_ms: config.fin_wait_ms,
    };
    (profile, timing)
}
