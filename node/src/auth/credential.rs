//! A credential, whether it is still good, and the rate it may call at (atp.md 18.4).

use std::sync::Arc;

use atp_actors::access::Access;
use atp_protocol::flow::Rate;
use atp_protocol::request::Identity;

/// Calls per second and burst of the operator's key, where others are limited at all.
const ADMIN: Rate = Rate { per_s: 30, burst: 30 };

/// Somebody who may call, on every arbiter the same.
#[derive(Clone)]
pub struct Credential {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// Whether and how often it may call.
    pub access: Access,
}

impl Credential {
    /// A credential with a full bucket, the operator's at a rate of its own.
    pub(super) fn new(identity: Identity, rate: Option<Rate>) -> Self {
        Self {
            access: Access::at(rate_of(&identity, rate)),
            identity: Arc::new(identity),
        }
    }

    /// From here on at this rate, with a full bucket, the operator's at a rate of its own.
    pub(super) fn limit(&self, rate: Option<Rate>) {
        self.access.limit(rate_of(&self.identity, rate));
    }
}

fn rate_of(identity: &Identity, rate: Option<Rate>) -> Option<Rate> {
    rate.map(|rate| if identity.is_admin { ADMIN } else { rate })
}
