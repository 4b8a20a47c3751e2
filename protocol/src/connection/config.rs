//! What a connection is told when it begins.

use crate::ids::SessionId;
use crate::limits::Limits;

/// Facts and bounds of a connection. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct Config {
    /// Hard limits; sizes shrink to what a hello agrees.
    pub limits: Limits,
    /// The session that frames of the control stream name, until a hello agrees on one.
    pub session: SessionId,
    /// Whether a connection without streams is closed after the idle time. Not for agents and routers, which wait for work.
    pub closes_idle: bool,
    /// Bytes a stream may have sent and not acknowledged, or buffer while its peer is away.
    pub send_buffer_bytes: usize,
    /// Streams outlive the connection even where no hello agreed on it.
    pub has_resume: bool,
    /// Wait for the peer's FIN.
    pub fin_wait_ms: u64,
    /// How long an ended stream's id is not to be used again.
    pub tombstone_ms: u64,
    /// How long open streams may go on when draining.
    pub drain_timeout_ms: u64,
    /// Requests for one missing message or fragment before it is given up.
    pub max_nacks: u32,
}

impl Config {
    /// The defaults of the specification, for a client in `session`.
    #[must_use]
    pub const fn new(session: SessionId) -> Self {
        Self {
            limits: Limits::DEFAULT,
            session,
            closes_idle: true,
            send_buffer_bytes: 4 * 1024 * 1024,
            has_resume: false,
            fin_wait_ms: 10_000,
            tombstone_ms: 60_000,
            drain_timeout_ms: 30_000,
            max_nacks: 3,
        }
    }
}
