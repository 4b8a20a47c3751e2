//! What one connection may have in flight, by lane.

use super::Lane;

/// Bounds of one connection, each direction for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests without an answer. Beyond: refused as overloaded, not started.
    pub requests: usize,
    /// Streams that have not ended both ways. Beyond: refused as overloaded, not started.
    pub streams: usize,
    /// Bytes in bodies of requests that are being served. Beyond: refused as overloaded, not started.
    pub request_bytes: usize,
    /// Bytes of a stream that were not read. Beyond: the sender waits.
    pub window: u32,
}

const KIB: u32 = 1024;
const MIB: usize = 1024 * 1024;

impl Limits {
    /// The bounds of a lane. At most 128 MiB of streams' bytes wait on one connection.
    #[must_use]
    pub const fn of(lane: Lane) -> Self {
        match lane {
            Lane::Control | Lane::Requests => Self {
                requests: 1024,
                streams: 1024,
                request_bytes: 64 * MIB,
                window: 128 * KIB,
            },
            // Few and large: a snapshot over a long way needs the window of its round trip.
            Lane::Bulk => Self {
                requests: 64,
                streams: 64,
                request_bytes: 64 * MIB,
                window: 2048 * KIB,
            },
        }
    }
}
