//! Nonces that were seen (atp.md section 14).

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Code, Fault, Scope};
use crate::ids::{KeyId, TenantId};
use crate::units::{Millis, UnixMillis};

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayConfig {
    /// How long a nonce without `ts` is remembered, in milliseconds.
    pub ttl_ms: u64,
    /// How far `ts` may be from our clock, in milliseconds; a nonce with `ts` is remembered twice as long.
    pub skew_ms: u64,
    /// Most nonces remembered.
    pub capacity: usize,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            ttl_ms: 60_000,
            skew_ms: 60_000,
            capacity: 1_000_000,
        }
    }
}

/// Why a frame is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The nonce was seen (`replay_reject_total`, audit).
    Seen,
    /// `ts` is too far from our clock.
    Skewed,
    /// The store holds nothing but live nonces. Refused, because forgetting one would let an attacker flush it.
    Full,
}

impl Refusal {
    /// What the sender is told.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::Seen => Fault::new(Code::Replay, "replay"),
            Self::Skewed => Fault::new(
                Code::Replay,
                "ts is too far from the router's clock; correct the clock",
            ),
            Self::Full => Fault::new(Code::Rate, "too many nonces at once; back off"),
        }
        .scoped(Scope::Frame)
    }
}

/// A nonce's key, as a digest: fixed size, whatever the sender chose.
type Key = [u8; 16];

/// Nonces of (tenant, key id), each until it is *strictly* older than its time. Only frames whose signature was verified
/// may enter. A refused nonce does not live longer for it.
#[derive(Debug)]
pub struct NonceStore {
    config: ReplayConfig,
    /// When each was first seen, and how long it lives.
    seen: BTreeMap<Key, (Millis, u64)>,
    /// In the order of expiry: without `ts`, and with.
    queues: [VecDeque<(Millis, Key)>; 2],
}

impl NonceStore {
    /// An empty store.
    #[must_use]
    pub const fn new(config: ReplayConfig) -> Self {
        Self {
            config,
            seen: BTreeMap::new(),
            queues: [VecDeque::new(), VecDeque::new()],
        }
    }

    /// Checks a frame and remembers its nonce. `ts` and the wall clock go together; without `ts` neither is looked at.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is remembered then.
    pub fn check(
        &mut self,
        now: Millis,
        wall: UnixMillis,
        (tenant, kid, nonce): (&TenantId, Option<&KeyId>, &str),
        ts: Option<UnixMillis>,
    ) -> Result<(), Refusal> {
        if ts.is_some_and(|ts| wall.0.abs_diff(ts.0) > self.config.skew_ms) {
            return Err(Refusal::Skewed);
        }
        self.forget(now);
        let key = key(tenant, kid, nonce);
        if let Some(&(since, ttl_ms)) = self.seen.get(&key)
            && now.since(since) <= ttl_ms
        {
            return Err(Refusal::Seen);
        }
        if self.seen.len() >= self.config.capacity {
            return Err(Refusal::Full);
        }
        self.seen.insert(key, (now, self.ttl(ts.is_some())));
        self.queues[usize::from(ts.is_some())].push_back((now, key));
        Ok(())
    }

    /// How many nonces are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    const fn ttl(&self, has_ts: bool) -> u64 {
        if has_ts {
            self.config.skew_ms * 2
        } else {
            self.config.ttl_ms
        }
    }

    /// Lets go of what has expired.
    pub(super) fn forget(&mut self, now: Millis) {
        for has_ts in [false, true] {
            let ttl_ms = self.ttl(has_ts);
            let queue = &mut self.queues[usize::from(has_ts)];
            while let Some(&(since, key)) = queue.front()
                && now.since(since) > ttl_ms
            {
                queue.pop_front();
                self.seen.remove(&key);
            }
        }
    }
}

/// Lengths go first, so that no two keys run into one another.
fn key(tenant: &TenantId, kid: Option<&KeyId>, nonce: &str) -> Key {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in [tenant.as_str(), kid.map_or("", KeyId::as_str), nonce] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let mut key = Key::default();
    key.copy_from_slice(&digest.as_ref()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(store: &mut NonceStore, now: u64, nonce: &str, ts: Option<u64>) -> Result<(), Refusal> {
        let tenant = TenantId::new("acme").unwrap();
        store.check(
            Millis(now),
            UnixMillis(1_000_000 + now),
            (&tenant, None, nonce),
            ts.map(UnixMillis),
        )
    }

    #[test]
    fn a_full_store_refuses_and_forgets_nothing() {
        let mut store = NonceStore::new(ReplayConfig {
            capacity: 2,
            ..ReplayConfig::default()
        });
        assert_eq!(check(&mut store, 0, "a", None), Ok(()));
        assert_eq!(check(&mut store, 1, "b", None), Ok(()));
        assert_eq!(check(&mut store, 2, "c", None), Err(Refusal::Full));
        assert_eq!(check(&mut store, 3, "a", None), Err(Refusal::Seen));
        assert_eq!(check(&mut store, 60_001, "c", None), Ok(()));
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn a_nonce_with_ts_lives_as_long_as_its_ts_may_be_used() {
        let mut store = NonceStore::new(ReplayConfig::default());
        assert_eq!(check(&mut store, 0, "a", Some(1_060_000)), Ok(()));
        assert_eq!(
            check(&mut store, 120_000, "a", Some(1_060_000)),
            Err(Refusal::Seen)
        );
        assert_eq!(
            check(&mut store, 120_001, "a", Some(1_060_000)),
            Err(Refusal::Skewed)
        );
        assert_eq!(check(&mut store, 120_001, "a", Some(1_060_001)), Ok(()));
        assert_eq!(check(&mut store, 120_001, "z", Some(1)), Err(Refusal::Skewed));
    }

    #[test]
    fn tenants_and_keys_do_not_share_nonces() {
        let mut store = NonceStore::new(ReplayConfig::default());
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let kid = KeyId::new("k").unwrap();
        let wall = UnixMillis(0);
        assert_eq!(store.check(Millis(0), wall, (&a, None, "n"), None), Ok(()));
        assert_eq!(store.check(Millis(0), wall, (&b, None, "n"), None), Ok(()));
        assert_eq!(store.check(Millis(0), wall, (&a, Some(&kid), "n"), None), Ok(()));
        assert_eq!(
            store.check(Millis(0), wall, (&a, None, "n"), None),
            Err(Refusal::Seen)
        );
    }
}
