//! What a binary message is, by its first bytes (atp.md section 2), and the two containers a frame may come in.
//!
//! - [`envelope`]: `ATPC`, a CBOR frame with checksum and MAC (5.3).
//! - [`compressed`]: `ATPZ`, any other message deflated or in zstd.
//!
//! Every failure is `EPROTO` of the connection, except a wrong MAC, which is `EAUTH`. Sizes are checked before anything is
//! inflated, and inflating stops one byte after the declared length.

pub mod compressed;
pub mod envelope;

/// A binary message by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ATPC`.
    Envelope,
    /// `ATPZ`.
    Compressed,
    /// A bare CBOR map of definite length.
    Cbor,
}

impl Kind {
    /// Tells the kind; `None` is `EPROTO`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'A', b'T', b'P', b'C', ..] => Some(Self::Envelope),
            [b'A', b'T', b'P', b'Z', ..] => Some(Self::Compressed),
            [0xA0..=0xBB, ..] => Some(Self::Cbor),
            _ => None,
        }
    }
}
