//! HMAC signature of a frame (atp.md 4.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Secret;
use crate::value::{Malformed, Object, canonical};

/// The one member a signature does not cover.
const EXCEPT: &[&str] = &["sig"];

/// `sig` of the frame as it stands: set `nonce`, `ts`, `kid` and `checksum` before.
///
/// # Errors
/// [`Malformed::Bytes`] if the frame holds a byte string; send it in an `ATPC` envelope.
pub fn of(frame: &Object<'_>, secret: &Secret) -> Result<String, Malformed> {
    Ok(hex::encode(
        secret.mac(&[canonical::ascii(frame, EXCEPT)?.as_bytes()]),
    ))
}

/// Whether `sig` is the frame's under `secret`: 64 lower-case hex digits, or `HMAC-SHA256(…)` around standard base64.
///
/// # Errors
/// As [`of`].
pub fn verify(frame: &Object<'_>, sig: &str, secret: &Secret) -> Result<bool, Malformed> {
    let canonical = canonical::ascii(frame, EXCEPT)?;
    Ok(decode(sig).is_some_and(|mac| secret.verifies(&[canonical.as_bytes()], &mac)))
}

fn decode(sig: &str) -> Option<[u8; 32]> {
    let mut mac = [0; 32];
    match sig
        .strip_prefix("HMAC-SHA256(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(text) => {
            mac = STANDARD.decode(text).ok()?.try_into().ok()?;
        }
        None if sig.bytes().any(|byte| byte.is_ascii_uppercase()) => return None,
        None => hex::decode_to_slice(sig, &mut mac).ok()?,
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Strength;

    #[test]
    fn both_forms_of_a_signature_verify_and_nothing_else_does() {
        let frame: Object<'_> = [("v", 1_u32), ("msg_seq", 7)].into_iter().collect();
        let secret = Secret::new(&[7; 32], Strength::Production).unwrap();
        let sig = of(&frame, &secret).unwrap();
        let base64 = format!("HMAC-SHA256({})", STANDARD.encode(hex::decode(&sig).unwrap()));
        assert_eq!(verify(&frame, &sig, &secret), Ok(true));
        assert_eq!(verify(&frame, &base64, &secret), Ok(true));
        for wrong in [
            sig.to_uppercase(),
            sig[..62].to_owned(),
            format!("{sig}00"),
            String::new(),
            base64.replace("HMAC-SHA256", "hmac-sha256"),
            format!("HMAC-SHA256({sig})"),
            sig.replace(&sig[..1], if sig.starts_with('0') { "1" } else { "0" }),
        ] {
            assert_eq!(verify(&frame, &wrong, &secret), Ok(false), "{wrong}");
        }
    }
}
