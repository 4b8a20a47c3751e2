//! Identifiers (atp.md section 1). Each is its own type, so that a session is never passed where a stream is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Zero bytes long.
    #[error("empty; an id has 1 to {max} bytes")]
    Empty {
        /// Longest allowed length in bytes.
        max: usize,
    },
    /// Longer than allowed.
    #[error("{len} bytes long; an id has at most {max}")]
    TooLong {
        /// Actual length in bytes.
        len: usize,
        /// Longest allowed length in bytes.
        max: usize,
    },
    /// Holds a byte outside the kind's alphabet.
    #[error("byte 0x{byte:02x} at position {at} is not allowed in this id")]
    Alphabet {
        /// The offending byte.
        byte: u8,
        /// Its position.
        at: usize,
    },
}

fn check(text: &str, max: usize, allowed: fn(u8) -> bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { max });
    }
    if text.len() > max {
        return Err(IdError::TooLong { len: text.len(), max });
    }
    match text.bytes().enumerate().find(|&(_, byte)| !allowed(byte)) {
        Some((at, byte)) => Err(IdError::Alphabet { byte, at }),
        None => Ok(()),
    }
}

/// Visible ASCII 0x21 to 0x7E without the quote and the backslash.
const fn is_visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && byte != b'"' && byte != b'\\'
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $max:expr, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Longest form in bytes.
            pub const MAX_LEN: usize = $max;

            /// Checks length and alphabet.
            ///
            /// # Errors
            /// Names the first thing wrong with `text`.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check(text, Self::MAX_LEN, $allowed)?;
                Ok(Self(text.into()))
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// Scope of windows and budgets, bound to a tenant at first use.
    SessionId, 128, is_visible
);
text_id!(
    /// One task inside a session; `-` is the connection's control stream.
    StreamId, 128, is_visible
);
text_id!(
    /// A role carried out by adapters. No colon: it separates the parts of a lane key.
    PersonaId, 64, is_name
);
text_id!(
    /// An endpoint that executes work. Names with a dot form prefixes, as in `reviewer.local`.
    AdapterId, 128, is_name
);
text_id!(
    /// A budget with limits: a tenant's, a project's or a session's.
    AccountId, 128, is_visible
);
text_id!(
    /// Who the credential belongs to. Part of every key of every table.
    TenantId, 64, is_name
);
text_id!(
    /// One request, whatever the surface. Minted by the router; names its hold, settlement and decision record.
    RequestId, 64, is_name
);
text_id!(
    /// Names a key in an HMAC ring.
    KeyId, 64, is_visible
);

impl StreamId {
    /// The connection's control stream, `-`.
    #[must_use]
    pub fn control() -> Self {
        Self("-".into())
    }

    /// Whether this is the control stream.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.as_str() == "-"
    }
}

/// Tells clones of a persona apart; from a per-session counter, 1 to 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CloneId(pub u32);

/// Which way a message travels, seen from the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Towards the router.
    In,
    /// Away from the router.
    Out,
}

/// One sequenced flow: persona and clone within a stream. The default lane has neither.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct LaneId {
    /// The persona; `None` on the stream's default lane.
    pub persona: Option<PersonaId>,
    /// The clone of the persona, if it was cloned.
    pub clone: Option<CloneId>,
}

impl LaneId {
    /// The lane's name in logs and stores: `persona:stream` or `persona-clone:stream` (atp.md section 1).
    #[must_use]
    pub fn key(&self, stream: &StreamId) -> String {
        let persona = self.persona.as_ref().map_or("", PersonaId::as_str);
        match self.clone {
            Some(CloneId(clone)) => format!("{persona}-{clone}:{stream}"),
            None => format!("{persona}:{stream}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_the_wire_may_not_carry() {
        assert_eq!(SessionId::new(""), Err(IdError::Empty { max: 128 }));
        assert_eq!(
            SessionId::new("a b"),
            Err(IdError::Alphabet { byte: b' ', at: 1 })
        );
        assert_eq!(
            StreamId::new("a\"b"),
            Err(IdError::Alphabet { byte: b'"', at: 1 })
        );
        assert_eq!(
            PersonaId::new("a:b"),
            Err(IdError::Alphabet { byte: b':', at: 1 })
        );
        assert_eq!(
            PersonaId::new(&"a".repeat(65)),
            Err(IdError::TooLong { len: 65, max: 64 })
        );
        assert!(SessionId::new(&"~".repeat(128)).is_ok());
    }

    #[test]
    fn lane_keys_name_persona_clone_and_stream() {
        let stream = StreamId::new("s1").unwrap();
        let lane = LaneId {
            persona: Some(PersonaId::new("lawyer").unwrap()),
            clone: Some(CloneId(2)),
        };
        assert_eq!(lane.key(&stream), "lawyer-2:s1");
        assert_eq!(LaneId::default().key(&stream), ":s1");
    }
}
