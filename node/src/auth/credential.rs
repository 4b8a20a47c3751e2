//! A credential and the rate it may call at (atp.md 18.4).

use std::sync::Arc;

use atp_actors::rate::RateLimit;
use atp_protocol::flow::TokenBucket;
use atp_protocol::request::Identity;
use atp_protocol::units::Millis;

/// Calls per second and burst of the operator's key, where others are limited at all.
const ADMIN: Rate = Rate { per_s: 30, burst: 30 };

/// How often a credential may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second on average; at least 1.
    pub per_s: u32,
    /// Calls at once; at least 1.
    pub burst: u32,
}

/// Somebody who may call, on every arbiter the same.
#[derive(Clone)]
pub struct Credential {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// How often it may call.
    pub rate: RateLimit,
}

impl Rate {
    /// The configured rate; `None` where `per_s` is 0, which means unlimited. A burst of 0 is one second's worth.
    #[must_use]
    pub const fn configured(per_s: u32, burst: u32) -> Option<Self> {
        match (per_s, burst) {
            (0, _) => None,
            (_, 0) => Some(Self { per_s, burst: per_s }),
            _ => Some(Self { per_s, burst }),
        }
    }
}

impl Credential {
    /// A credential with a full bucket, the operator's at a rate of its own.
    pub(super) fn new(identity: Identity, rate: Option<Rate>) -> Self {
        let rate = rate.map(|rate| if identity.is_admin { ADMIN } else { rate });
        let limit = |rate: Rate| RateLimit::new(TokenBucket::new(Millis(0), rate.per_s, rate.burst));
        Self {
            identity: Arc::new(identity),
            rate: rate.map(limit).unwrap_or_default(),
        }
    }
}
