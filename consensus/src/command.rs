//! How a command is written into an entry of a log: what it is, by number, then its body (docs/adr/0009).
//!
//! ```text
//! family u16  variant u16  schema u16     little-endian
//! body                                    bincode of the command's own type in that schema
//! ```
//!
//! Numbers are never used again for something else, and bodies of a schema never change: a log of an earlier release is read
//! forever.

use atp_protocol::encoding;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::version::Later;

/// Bytes before the body.
const HEADER: usize = 6;

/// Names what a command is, and in which form its body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Which machine it is for.
    pub family: u16,
    /// Which of its commands.
    pub variant: u16,
    /// In which form; a later one is proposed only when every voter reads it.
    pub schema: u16,
}

impl Tag {
    /// A command in its first schema.
    pub(crate) const fn first(family: u16, variant: u16) -> Self {
        Self {
            family,
            variant,
            schema: 1,
        }
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.family, self.variant, self.schema)
    }
}

/// A command's own type.
pub trait Body: Serialize + DeserializeOwned {
    /// What it is.
    const TAG: Tag;

    /// What whoever proposed it is told. A wire format as the command is a disk format: fields are appended with a new schema only.
    type Reply: Serialize + DeserializeOwned;
}

/// Why bytes are not a command of this release.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Too short to say what it is.
    #[error("a command of {0} bytes")]
    Short(usize),
    /// A later release wrote it.
    #[error(
        "command {0} is not known to this release; start the release that the other members run, which `atpctl cluster status` shows"
    )]
    Unknown(Tag),
    /// The cluster agreed on a version that this release does not read.
    #[error(transparent)]
    Later(#[from] Later),
    /// Not the encoding of what it says it is.
    #[error("command {tag} is malformed")]
    Malformed {
        /// What it says it is.
        tag: Tag,
        /// Why it is not.
        #[source]
        source: encoding::DecodeError,
    },
    /// Over the bound of the encoding.
    #[error("the command is too large: {0}")]
    TooLarge(String),
}

/// Writes a command.
///
/// # Errors
/// [`CommandError::TooLarge`].
pub fn encode<B: Body>(body: &B) -> Result<Vec<u8>, CommandError> {
    let Tag {
        family,
        variant,
        schema,
    } = B::TAG;
    let mut bytes = Vec::with_capacity(64);
    for number in [family, variant, schema] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    encoding::encode_into(body, &mut bytes).map_err(|error| CommandError::TooLarge(error.to_string()))?;
    Ok(bytes)
}

/// What a command says it is, and its body.
///
/// # Errors
/// [`CommandError::Short`].
pub fn open(bytes: &[u8]) -> Result<(Tag, &[u8]), CommandError> {
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(CommandError::Short(bytes.len()));
    };
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let tag = Tag {
        family: number(0),
        variant: number(2),
        schema: number(4),
    };
    Ok((tag, body))
}

/// Reads the body of a command of type `B`.
///
/// # Errors
/// [`CommandError::Malformed`].
pub fn body<B: Body>(bytes: &[u8]) -> Result<B, CommandError> {
    encoding::decode(bytes).map_err(|source| CommandError::Malformed { tag: B::TAG, source })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Greet {
        name: String,
    }

    impl Body for Greet {
        const TAG: Tag = Tag {
            family: 7,
            variant: 3,
            schema: 1,
        };
        type Reply = ();
    }

    #[test]
    fn a_command_says_what_it_is_before_its_body() {
        let greet = Greet {
            name: "ada".to_owned(),
        };
        let bytes = encode(&greet).unwrap();
        assert_eq!(bytes, [7, 0, 3, 0, 1, 0, 3, b'a', b'd', b'a']);
        let (tag, rest) = open(&bytes).unwrap();
        assert_eq!(tag, Greet::TAG);
        assert_eq!(body::<Greet>(rest).unwrap(), greet);
        assert!(matches!(open(&bytes[..5]), Err(CommandError::Short(5))));
        assert!(matches!(
            body::<Greet>(&rest[..2]),
            Err(CommandError::Malformed { .. })
        ));
    }
}
