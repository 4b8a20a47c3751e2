//! The terms of a connection.

use super::{Feature, Features, HelloAck, Level, Role};
use crate::ids::SessionId;
use crate::limits::Limits;
use crate::payload::Kind;
use crate::units::{Tier, UnixMillis, Window};

/// What a connection may use, and how it is timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    /// The router's version.
    pub version: String,
    /// `json` or `cbor`.
    pub encoding: String,
    /// `deflate`, `zstd`, or none.
    pub compression: Option<String>,
    /// In the shape they were asked for.
    pub features: Features,
    /// Tier where a frame names none.
    pub qos: Tier,
    /// What the peer is.
    pub role: Role,
    /// Heartbeat interval in milliseconds.
    pub hb_interval_ms: u64,
    /// Idle time before a stream is closed, in milliseconds.
    pub idle_fin_ms: u64,
    /// Largest frame either side sends, in bytes.
    pub frame_bytes: usize,
    /// Largest message either side sends, in bytes.
    pub message_bytes: usize,
    /// There was a hello; without one the client is a legacy client.
    pub has_hello: bool,
}

/// What the router adds to the terms when it answers a hello.
#[derive(Debug, Clone, PartialEq)]
pub struct Greeting {
    /// The session, minted if the peer asked for one.
    pub session_id: SessionId,
    /// Tiers the identity may use.
    pub qos_allowed: Vec<Tier>,
    /// The first grant.
    pub window: Window,
    /// Who answers.
    pub router_id: String,
    /// The router's clock.
    pub server_time: UnixMillis,
    /// How long a lost connection may be resumed, in milliseconds.
    pub resume_ttl_ms: u64,
    /// The level the router announces.
    pub level: Level,
}

impl Agreed {
    /// The terms without a hello: version 1.0, JSON, no compression, no features, heartbeat 30 s, idle 90 s.
    #[must_use]
    pub fn baseline(role: Role, limits: &Limits) -> Self {
        Self {
            version: "1.0".to_owned(),
            encoding: "json".to_owned(),
            compression: None,
            features: Features::default(),
            qos: Tier::Silver,
            role,
            hb_interval_ms: 30_000,
            idle_fin_ms: 90_000,
            frame_bytes: limits.frame_bytes,
            message_bytes: limits.message_bytes,
            has_hello: false,
        }
    }

    /// Whether a feature was agreed.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(feature.as_str())
    }

    /// Whether the peer understands payloads of this kind, so that the router may send them.
    #[must_use]
    pub fn may_send(&self, kind: Kind) -> bool {
        Feature::of(kind).is_none_or(|feature| self.has(feature))
    }

    /// The answer to the hello.
    #[must_use]
    pub fn ack(&self, greeting: Greeting) -> HelloAck {
        HelloAck {
            version: self.version.clone(),
            encoding: self.encoding.clone(),
            compression: self.compression.clone(),
            features: self.features.clone(),
            qos: self.qos,
            qos_allowed: greeting.qos_allowed,
            session_id: greeting.session_id.into(),
            hb_interval_ms: self.hb_interval_ms,
            idle_fin_ms: self.idle_fin_ms,
            max_frame_bytes: self.frame_bytes as u64,
            max_message_bytes: self.message_bytes as u64,
            window: greeting.window,
            router_id: greeting.router_id,
            server_time: greeting.server_time.0,
            resume_ttl_ms: greeting.resume_ttl_ms,
            level: greeting.level as u8,
        }
    }
}
