//! How long a connection may go on asking too often.

use atp_protocol::units::Millis;

/// How long a connection may be refused, with nothing admitted in between, before it is closed (4429, atp.md 15.2).
const SUSTAINED_MS: u64 = 30_000;

/// Refusals in a row.
#[derive(Debug, Default)]
pub struct Refusals {
    since: Option<Millis>,
}

impl Refusals {
    /// One more. Whether they have gone on for too long.
    pub fn is_sustained(&mut self, now: Millis) -> bool {
        now.since(*self.since.get_or_insert(now)) >= SUSTAINED_MS
    }

    /// Something was admitted.
    pub const fn clear(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sustained_when_nothing_was_admitted_for_30_seconds() {
        let mut refusals = Refusals::default();
        assert!(!refusals.is_sustained(Millis(1_000)));
        assert!(!refusals.is_sustained(Millis(30_999)));
        assert!(refusals.is_sustained(Millis(31_000)));
        refusals.clear();
        assert!(!refusals.is_sustained(Millis(31_001)));
    }
}
