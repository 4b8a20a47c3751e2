//! Checksum of a whole frame (atp.md 4.3).

use super::sha256_hex;
use crate::value::{Malformed, Object, canonical};

/// Members a frame's checksum does not cover.
const EXCEPT: &[&str] = &["sig", "checksum"];

/// `sha256:` and the hex SHA-256 of the frame's canonical form.
///
/// # Errors
/// [`Malformed::Bytes`] if the frame holds a byte string.
pub fn of(frame: &Object<'_>) -> Result<String, Malformed> {
    Ok(format!(
        "sha256:{}",
        sha256_hex(canonical::ascii(frame, EXCEPT)?.as_bytes())
    ))
}

/// Whether `checksum`, with or without its prefix, is that of the frame: over the canonical form or, for frames that are not
/// ASCII, over the form one deployed codec writes.
///
/// # Errors
/// As [`of`].
pub fn verify(frame: &Object<'_>, checksum: &str) -> Result<bool, Malformed> {
    let wanted = checksum.strip_prefix("sha256:").unwrap_or(checksum);
    if sha256_hex(canonical::ascii(frame, EXCEPT)?.as_bytes()) == wanted {
        return Ok(true);
    }
    let raw = canonical::raw(frame, EXCEPT)?;
    Ok(!raw.is_ascii() && sha256_hex(raw.as_bytes()) == wanted)
}
