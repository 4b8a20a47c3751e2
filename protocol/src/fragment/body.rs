//! What is split and joined.

use bytes::Bytes;

use crate::sign::fragment::Chunk;

/// The divisible part of a message's content, or a piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The content's `text`; its other members are repeated on every fragment.
    Text(String),
    /// The whole content, serialised, or raw bytes.
    Binary(Bytes),
}

impl Body {
    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same as what checksums are made of.
    #[must_use]
    pub fn chunk(&self) -> Chunk<'_> {
        match self {
            Self::Text(text) => Chunk::Text(text),
            Self::Binary(bytes) => Chunk::Binary(bytes),
        }
    }

    /// Joins pieces of one kind, in order. `None` if their kinds differ; nothing joins to empty text.
    #[must_use]
    pub fn join(pieces: &[Self]) -> Option<Self> {
        let mut joined = Vec::with_capacity(pieces.iter().map(Self::len).sum());
        let is_binary = matches!(pieces.first(), Some(Self::Binary(_)));
        for piece in pieces {
            if matches!(piece, Self::Binary(_)) != is_binary {
                return None;
            }
            joined.extend_from_slice(piece.chunk().bytes());
        }
        if is_binary {
            return Some(Self::Binary(joined.into()));
        }
        String::from_utf8(joined).ok().map(Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_kind_join() {
        let text = |text: &str| Body::Text(text.to_owned());
        let binary = Body::Binary(Bytes::from_static(b"x"));
        assert_eq!(Body::join(&[text("a"), text(""), text("é")]), Some(text("aé")));
        assert_eq!(Body::join(&[text("a"), binary.clone()]), None);
        assert_eq!(
            Body::join(&[binary.clone(), binary]),
            Some(Body::Binary(Bytes::from_static(b"xx")))
        );
    }
}
