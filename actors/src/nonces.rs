//! The nonces a node has seen, on whatever connection, stream or arbiter (atp.md section 14).

use std::sync::{Mutex, PoisonError};

use atp_protocol::error::Fault;
use atp_protocol::frame::Nonce;
use atp_protocol::ids::{KeyId, TenantId};
use atp_protocol::replay::{ReplayConfig, TenantNonces};
use atp_protocol::units::{Millis, UnixMillis};

/// One per node. Frames without a nonce never ask it; those with one share a lock for the time of a look-up.
pub struct Nonces(Mutex<TenantNonces>);

impl Default for Nonces {
    fn default() -> Self {
        Self(Mutex::new(TenantNonces::new(ReplayConfig::default())))
    }
}

impl Nonces {
    /// Checks the nonce of a frame of `tenant` that is otherwise sound, and remembers it.
    ///
    /// # Errors
    /// `EREPLAY` for one that was seen or whose time is off, `ERATE` at the bound.
    pub fn check(
        &self,
        now: Millis,
        wall: UnixMillis,
        tenant: &TenantId,
        nonce: &Nonce<'_>,
    ) -> Result<(), Fault> {
        let kid = nonce.kid.and_then(|kid| KeyId::new(kid).ok());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.check(now, wall, (tenant, kid.as_ref(), nonce.nonce), nonce.ts)
            .map_err(|refusal| refusal.fault())
    }
}
