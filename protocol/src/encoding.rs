//! The one file that names bincode (design D7): journal records and, later, link messages and log entries.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest encoded value accepted, in bytes.
pub const MAX_LEN: usize = 16 * 1024 * 1024;

/// Why bytes are not a value of the wanted type.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Malformed, truncated or over [`MAX_LEN`].
    #[error("malformed encoding")]
    Malformed(#[source] bincode::error::DecodeError),
    /// The value ends before the bytes do.
    #[error("{extra} bytes after the end of the value")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_LEN>()
}

/// Appends the encoding of `value` to `out`.
///
/// # Errors
/// If `value` exceeds [`MAX_LEN`] or its `Serialize` refuses; nothing is appended then.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), bincode::error::EncodeError> {
    let start = out.len();
    match bincode::serde::encode_into_std_write(value, out, config()) {
        Ok(_) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Reads one value that fills `bytes` entirely.
///
/// # Errors
/// [`DecodeError`]; never panics, never allocates more than the input justifies.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config()).map_err(DecodeError::Malformed)?;
    match bytes.len() - used {
        0 => Ok(value),
        extra => Err(DecodeError::Trailing { extra }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_must_fill_its_bytes() {
        let mut bytes = Vec::new();
        encode_into(&(7_u32, "seven".to_owned()), &mut bytes).unwrap();
        assert_eq!(decode::<(u32, String)>(&bytes).unwrap(), (7, "seven".to_owned()));
        bytes.push(0);
        assert!(matches!(
            decode::<(u32, String)>(&bytes),
            Err(DecodeError::Trailing { extra: 1 })
        ));
        assert!(decode::<(u32, String)>(&bytes[..2]).is_err());
    }
}
