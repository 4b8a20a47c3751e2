//! Checksums of message fragments, `payload.checksum` (atp.md 4.2).

use ring::digest::{SHA256, digest};

use super::sha256_hex;

/// The bytes of one fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'c> {
    /// A part of a text.
    Text(&'c str),
    /// A part of anything else.
    Binary(&'c [u8]),
}

impl<'c> Chunk<'c> {
    /// The bytes, whichever kind.
    #[must_use]
    pub const fn bytes(self) -> &'c [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A received `payload.checksum`, told apart by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// `sha256:` and 64 hex digits: SHA-256 of the chunk's bytes.
    Full([u8; 32]),
    /// 16 hex digits, the legacy form: the first 8 bytes of SHA-256 over text, or over the lower-case hex text of bytes.
    Short16([u8; 8]),
    /// 64 hex digits: the Merkle root of the whole message, the same on every fragment.
    Merkle([u8; 32]),
}

impl Checksum {
    /// Reads any of the three forms. `None` fails the fragment, as a wrong digest does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
            let mut bytes = [0; N];
            hex::decode_to_slice(text, &mut bytes).ok()?;
            Some(bytes)
        }
        match (text.strip_prefix("sha256:"), text.len()) {
            (Some(digits), _) => bytes(digits).map(Self::Full),
            (None, 16) => bytes(text).map(Self::Short16),
            (None, _) => bytes(text).map(Self::Merkle),
        }
    }

    /// Whether `chunk` has this checksum. A Merkle root says nothing of one chunk and lets it pass; the message is
    /// compared with [`merkle_root`] when complete.
    #[must_use]
    pub fn admits(&self, chunk: Chunk<'_>) -> bool {
        match self {
            Self::Full(wanted) => digest(&SHA256, chunk.bytes()).as_ref() == wanted,
            Self::Short16(wanted) => short16_digest(chunk).as_ref()[..8] == *wanted,
            Self::Merkle(_) => true,
        }
    }
}

/// The form sent by default: `sha256:` and 64 hex digits.
#[must_use]
pub fn full(chunk: Chunk<'_>) -> String {
    format!("sha256:{}", sha256_hex(chunk.bytes()))
}

/// The legacy form: 16 hex digits.
#[must_use]
pub fn short16(chunk: Chunk<'_>) -> String {
    hex::encode(&short16_digest(chunk).as_ref()[..8])
}

fn short16_digest(chunk: Chunk<'_>) -> ring::digest::Digest {
    match chunk {
        Chunk::Text(text) => digest(&SHA256, text.as_bytes()),
        Chunk::Binary(bytes) => digest(&SHA256, hex::encode(bytes).as_bytes()),
    }
}

/// Merkle root over the chunks of a message in order: leaves are the hex SHA-256 of each chunk, a parent that of its
/// children's hex text joined, an odd node pairs with itself. No chunks: SHA-256 of nothing.
#[must_use]
pub fn merkle_root<'c>(chunks: impl IntoIterator<Item = Chunk<'c>>) -> String {
    let mut level: Vec<String> = chunks
        .into_iter()
        .map(|chunk| sha256_hex(chunk.bytes()))
        .collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| {
                sha256_hex(
                    [pair[0].as_str(), pair[pair.len() - 1].as_str()]
                        .concat()
                        .as_bytes(),
                )
            })
            .collect();
    }
    level.pop().unwrap_or_else(|| sha256_hex(&[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_by_its_shape_and_checked() {
        for chunk in [Chunk::Text("né"), Chunk::Binary(&[0, 255])] {
            for form in [full(chunk), short16(chunk)] {
                let checksum = Checksum::parse(&form).unwrap();
                assert!(checksum.admits(chunk), "{form}");
                assert!(!checksum.admits(Chunk::Text("other")), "{form}");
            }
        }
        let root = merkle_root([Chunk::Text("a"), Chunk::Text("b")]);
        assert!(matches!(Checksum::parse(&root), Some(Checksum::Merkle(_))));
        for wrong in [
            "",
            "sha256:",
            "sha1:00",
            "0123456789abcdeg",
            &root[..63],
            &format!("md5:{root}"),
        ] {
            assert_eq!(Checksum::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_root_depends_on_every_chunk_and_their_order() {
        let root = |chunks: &[&'static str]| merkle_root(chunks.iter().map(|text| Chunk::Text(text)));
        assert_ne!(root(&["a", "b", "c"]), root(&["a", "c", "b"]));
        assert_ne!(root(&["a", "b", "c"]), root(&["a", "b"]));
        assert_eq!(
            root(&["a", "b", "c"]),
            root(&["a", "b", "c", "c"]),
            "an odd node pairs with itself"
        );
    }
}
