//! The world as actors see it: a clock and a source of randomness, both replaceable by simulation (design section 9).

use std::sync::Arc;

use atp_protocol::ids::RequestId;
use atp_protocol::units::{Millis, UnixMillis};

use crate::audit::Audit;
use crate::metrics::Meter;
use crate::spans::Traces;

#[cfg(test)]
pub(crate) mod testing;

/// Time. The monotonic readings of one clock never go back.
pub trait Clock: Send + Sync {
    /// Microseconds since an arbitrary start.
    fn micros(&self) -> u64;

    /// Unix time in milliseconds.
    fn unix(&self) -> UnixMillis;

    /// Milliseconds since the same start as [`Self::micros`].
    fn now(&self) -> Millis {
        Millis(self.micros() / 1_000)
    }
}

/// Randomness fit for keys and tokens.
pub trait Random: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// What every actor needs of its surroundings, cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Figures.
    pub meter: Arc<Meter>,
    /// Spans that come from elsewhere and go on there.
    pub traces: Arc<dyn Traces>,
    /// What is put on record.
    pub audit: Arc<dyn Audit>,
}

impl World {
    /// Milliseconds on the monotonic clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// A fresh id: `prefix` and 20 characters of base32 (100 bits).
    #[must_use]
    pub fn mint(&self, prefix: &str) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bytes = [0; 20];
        self.random.fill(&mut bytes);
        let mut id = String::with_capacity(prefix.len() + bytes.len());
        id.push_str(prefix);
        id.extend(
            bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte & 31)])),
        );
        id
    }

    /// A fresh request id.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        RequestId::new(&self.mint("req_")).expect("a minted id is short and alphanumeric")
    }
}
