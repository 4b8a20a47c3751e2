//! Keys by id, and their rotation (atp.md 4.4).

use std::collections::BTreeMap;

use super::Secret;
use crate::ids::KeyId;
use crate::units::UnixMillis;

/// How long a key is accepted after its rotation by default: a day.
pub const KEY_OVERLAP_MS: u64 = 86_400_000;

/// The current key, which signs, and earlier ones, which only verify until their overlap ends.
#[derive(Debug, Clone)]
pub struct KeyRing {
    current: KeyId,
    secret: Secret,
    /// With the moment of their rotation.
    previous: BTreeMap<KeyId, (Secret, UnixMillis)>,
    overlap_ms: u64,
}

impl KeyRing {
    /// A ring of one key. `overlap_ms`: see [`KEY_OVERLAP_MS`].
    #[must_use]
    pub const fn new(kid: KeyId, secret: Secret, overlap_ms: u64) -> Self {
        Self {
            current: kid,
            secret,
            previous: BTreeMap::new(),
            overlap_ms,
        }
    }

    /// Makes `kid` the current key; the one before it verifies for the overlap from `now`. Keys past theirs are dropped.
    ///
    /// A `kid` that was used before names the new key only: two keys of one name cannot be told apart on the wire.
    pub fn rotate(&mut self, kid: KeyId, secret: Secret, now: UnixMillis) {
        let old = std::mem::replace(&mut self.current, kid);
        let old_secret = std::mem::replace(&mut self.secret, secret);
        self.previous.insert(old, (old_secret, now));
        self.previous.remove(&self.current);
        let overlap_ms = self.overlap_ms;
        self.previous
            .retain(|_, (_, rotated)| is_within(*rotated, overlap_ms, now));
    }

    /// The key that signs.
    #[must_use]
    pub const fn current(&self) -> (&KeyId, &Secret) {
        (&self.current, &self.secret)
    }

    /// The key named `kid`, if frames under it are accepted at `now`.
    #[must_use]
    pub fn find(&self, kid: &str, now: UnixMillis) -> Option<&Secret> {
        if self.current.as_str() == kid {
            return Some(&self.secret);
        }
        let (secret, rotated) = self.previous.get(kid)?;
        is_within(*rotated, self.overlap_ms, now).then_some(secret)
    }
}

const fn is_within(rotated: UnixMillis, overlap_ms: u64, now: UnixMillis) -> bool {
    now.0 <= rotated.0.saturating_add(overlap_ms)
}

/// Where a connection's keys come from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keys<'k> {
    /// For frames with a `kid`.
    pub ring: Option<&'k KeyRing>,
    /// For frames without one: the key that came with the connection's credential.
    pub default: Option<&'k Secret>,
}

impl<'k> Keys<'k> {
    /// The key for a frame, or `None`, which fails its signature.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, now: UnixMillis) -> Option<&'k Secret> {
        match kid {
            Some(kid) => self.ring?.find(kid, now),
            None => self.default,
        }
    }

    /// Whether there is any key to verify with.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ring.is_none() && self.default.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Strength;

    fn kid(text: &str) -> KeyId {
        KeyId::new(text).unwrap()
    }

    fn secret(byte: u8) -> Secret {
        Secret::new(&[byte; 32], Strength::Production).unwrap()
    }

    #[test]
    fn a_rotated_key_verifies_until_its_overlap_ends() {
        let mut ring = KeyRing::new(kid("a"), secret(1), 1_000);
        ring.rotate(kid("b"), secret(2), UnixMillis(10_000));
        assert_eq!(ring.current().0, &kid("b"));
        assert!(ring.find("a", UnixMillis(11_000)).is_some());
        assert!(ring.find("a", UnixMillis(11_001)).is_none());
        assert!(ring.find("b", UnixMillis(99_999)).is_some());
        assert!(ring.find("c", UnixMillis(10_000)).is_none());
        ring.rotate(kid("c"), secret(3), UnixMillis(20_000));
        assert_eq!(ring.previous.len(), 1, "keys past their overlap are dropped");
    }

    #[test]
    fn a_key_id_used_again_names_the_new_key_only() {
        let mut ring = KeyRing::new(kid("a"), secret(1), 1_000);
        ring.rotate(kid("b"), secret(2), UnixMillis(0));
        ring.rotate(kid("a"), secret(3), UnixMillis(1));
        let found = ring.find("a", UnixMillis(1)).unwrap();
        assert_eq!(found.mac(&[b"x"]), secret(3).mac(&[b"x"]));
    }

    #[test]
    fn frames_without_a_key_id_use_the_default_key_only() {
        let ring = KeyRing::new(kid("a"), secret(1), 0);
        let keys = Keys {
            ring: Some(&ring),
            default: None,
        };
        assert!(keys.find(None, UnixMillis(0)).is_none());
        assert!(keys.find(Some("a"), UnixMillis(0)).is_some());
        assert!(keys.find(Some(""), UnixMillis(0)).is_none());
    }
}
