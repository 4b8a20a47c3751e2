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

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum of the raw form, under any frame.
    fn raw_checksum(frame: &Object<'_>) -> String {
        sha256_hex(canonical::raw(frame, EXCEPT).unwrap().as_bytes())
    }

    #[test]
    fn the_raw_form_counts_only_for_frames_that_are_not_ascii() {
        let frame = |text: &'static str| [("text", text)].into_iter().collect::<Object<'_>>();
        let accented = frame("n\u{e9}");
        assert_eq!(verify(&accented, &raw_checksum(&accented)), Ok(true));
        let delete = frame("\u{7f}");
        assert_eq!(verify(&delete, &raw_checksum(&delete)), Ok(false));
        assert_eq!(verify(&delete, &of(&delete).unwrap()), Ok(true));
    }

    #[test]
    fn the_prefix_may_be_left_out_but_no_other_stands_in() {
        let frame: Object<'_> = [("v", 1_u32)].into_iter().collect();
        let checksum = of(&frame).unwrap();
        let bare = checksum.strip_prefix("sha256:").unwrap();
        assert_eq!(verify(&frame, bare), Ok(true));
        assert_eq!(verify(&frame, &format!("sha512:{bare}")), Ok(false));
        assert_eq!(verify(&frame, &bare[..63]), Ok(false));
    }
}
