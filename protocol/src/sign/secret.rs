//! Key material that cannot leak through a format string.

use std::fmt;

use ring::hmac;

/// Fewest bytes of a key outside tests.
pub const SECRET_MIN: usize = 32;

/// How strong a key has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// At least [`SECRET_MIN`] bytes.
    Production,
    /// Any length: test mode, and vectors that were made with short keys.
    Test,
}

/// A key is too short to be safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key of {len} bytes; use {SECRET_MIN} random bytes or more")]
pub struct WeakSecret {
    /// Its length in bytes.
    pub len: usize,
}

/// An HMAC-SHA256 key. Neither readable, formattable nor serialisable.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Takes a key of the given bytes.
    ///
    /// # Errors
    /// [`WeakSecret`] for a short key, unless in test mode.
    pub fn new(bytes: &[u8], strength: Strength) -> Result<Self, WeakSecret> {
        if strength == Strength::Production && bytes.len() < SECRET_MIN {
            return Err(WeakSecret { len: bytes.len() });
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// HMAC-SHA256 over the parts joined.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = [0; 32];
        mac.copy_from_slice(self.context(parts).sign().as_ref());
        mac
    }

    /// Whether `mac` is [`Self::mac`] of the parts, in constant time.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        let wanted = self.mac(parts);
        subtle::ConstantTimeEq::ct_eq(&wanted[..], &mac[..]).into()
    }

    fn context(&self, parts: &[&[u8]]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_for_tests_only() {
        assert_eq!(
            Secret::new(&[1; 31], Strength::Production).unwrap_err(),
            WeakSecret { len: 31 }
        );
        assert!(Secret::new(&[1; 32], Strength::Production).is_ok());
        assert!(Secret::new(&[], Strength::Test).is_ok());
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let secret = Secret::new(b"correct horse battery staple, 32+", Strength::Production).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
