//! `ATPC`, the signed CBOR envelope (atp.md 5.3).
//!
//! `ATPC` ‖ header length u16 ‖ header ‖ body length u32 ‖ body ‖ CRC-32 of the body u32 ‖ HMAC-SHA256 of header ‖ body ‖ CRC,
//! all integers big-endian. The header is canonical JSON: `{"alg":"HS256","chk":"crc32","fmt":"cbor"}` and, if there is a
//! ring of keys, `kid`.

use crate::error::{Code, Fault, Scope};
use crate::limits::Limits;
use crate::sign::Secret;
use crate::value::{Object, Value, canonical, json};

const MAGIC: &[u8; 4] = b"ATPC";

/// Why an envelope is refused, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Magic, lengths, or bytes after the end.
    #[error("malformed ATPC envelope")]
    Malformed,
    /// The CRC is not the body's.
    #[error("ATPC body damaged on the way; send it again")]
    Checksum,
    /// No such key, or the MAC is not the envelope's.
    #[error("not signed with a key of this connection")]
    Signature,
    /// The header says something else than HS256, crc32, cbor.
    #[error("unsupported ATPC header; use alg HS256, chk crc32, fmt cbor and nothing but kid beside them")]
    Unsupported,
}

impl From<EnvelopeError> for Fault {
    fn from(error: EnvelopeError) -> Self {
        let (code, scope) = match error {
            EnvelopeError::Signature => (Code::Auth, Scope::Frame),
            EnvelopeError::Malformed | EnvelopeError::Checksum | EnvelopeError::Unsupported => {
                (Code::Proto, Scope::Connection)
            }
        };
        Self::new(code, error.to_string()).scoped(scope)
    }
}

/// The parts of an envelope, lengths checked and nothing else.
struct Parts<'b> {
    header: &'b [u8],
    body: &'b [u8],
    crc: &'b [u8; 4],
    mac: &'b [u8; 32],
}

impl<'b> Parts<'b> {
    fn split(bytes: &'b [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (header, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let mac = rest.try_into().ok()?;
        Some(Self {
            header,
            body,
            crc,
            mac,
        })
    }
}

/// Opens an envelope and returns its body, which is CBOR and not yet looked at.
///
/// `key` gives the secret for the header's `kid`, or for none.
///
/// # Errors
/// The first check that fails.
pub fn open<'b, 'k>(
    bytes: &'b [u8],
    limits: &Limits,
    key: impl FnOnce(Option<&str>) -> Option<&'k Secret>,
) -> Result<&'b [u8], EnvelopeError> {
    let parts = Parts::split(bytes).ok_or(EnvelopeError::Malformed)?;
    if crc32fast::hash(parts.body).to_be_bytes() != *parts.crc {
        return Err(EnvelopeError::Checksum);
    }
    // the header is judged after the MAC, but it names the key: one that cannot be read names none
    let text = std::str::from_utf8(parts.header).unwrap_or_default();
    let header = json::parse(text, limits).ok();
    let header = header.as_ref().and_then(Value::as_object);
    let kid = header.and_then(|header| header.get("kid"));
    let secret = match kid {
        None => key(None),
        Some(kid) => kid.as_text().and_then(|kid| key(Some(kid))),
    };
    if !secret.is_some_and(|secret| secret.verifies(&[parts.header, parts.body, parts.crc], parts.mac)) {
        return Err(EnvelopeError::Signature);
    }
    let kid = kid.and_then(Value::as_text);
    if parts.header == header_text(kid).as_bytes() {
        Ok(parts.body)
    } else {
        Err(EnvelopeError::Unsupported)
    }
}

/// Puts a CBOR body into an envelope.
#[must_use]
pub fn seal(body: &[u8], secret: &Secret, kid: Option<&str>) -> Vec<u8> {
    let header = header_text(kid);
    let crc = crc32fast::hash(body).to_be_bytes();
    let mac = secret.mac(&[header.as_bytes(), body, &crc]);
    let header_len = u16::try_from(header.len()).expect("a key id has at most 64 bytes");
    let body_len = u32::try_from(body.len()).expect("a frame has at most 16 MiB");
    [
        MAGIC,
        &header_len.to_be_bytes()[..],
        header.as_bytes(),
        &body_len.to_be_bytes(),
        body,
        &crc,
        &mac,
    ]
    .concat()
}

fn header_text(kid: Option<&str>) -> String {
    let mut header: Object<'_> = [("alg", "HS256"), ("chk", "crc32"), ("fmt", "cbor")]
        .into_iter()
        .collect();
    if let Some(kid) = kid {
        header.set("kid", kid);
    }
    canonical::ascii(&header, &[]).expect("a header holds text only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Strength;

    fn secret() -> Secret {
        Secret::new(&[9; 32], Strength::Production).unwrap()
    }

    fn open_default(bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
        let secret = Box::leak(Box::new(secret()));
        open(bytes, &Limits::DEFAULT, |kid| kid.is_none().then_some(&*secret))
    }

    /// An envelope under any header, with a valid CRC and MAC.
    fn with_header(header: &str) -> Vec<u8> {
        let body = [0xa0];
        let crc = crc32fast::hash(&body).to_be_bytes();
        let mac = secret().mac(&[header.as_bytes(), &body, &crc]);
        let len = u16::try_from(header.len()).unwrap().to_be_bytes();
        [
            MAGIC,
            &len[..],
            header.as_bytes(),
            &[0, 0, 0, 1],
            &body,
            &crc,
            &mac,
        ]
        .concat()
    }

    #[test]
    fn what_was_sealed_opens() {
        let sealed = seal(&[0xa0], &secret(), None);
        assert_eq!(open_default(&sealed), Ok(&[0xa0][..]));
        let named = seal(&[0xa0], &secret(), Some("k1"));
        assert_eq!(
            open_default(&named),
            Err(EnvelopeError::Signature),
            "no ring, so no key of that name"
        );
        let ring = secret();
        let opened = open(&named, &Limits::DEFAULT, |kid| {
            (kid == Some("k1")).then_some(&ring)
        });
        assert_eq!(opened, Ok(&[0xa0][..]));
    }

    #[test]
    fn checks_run_in_their_order() {
        let sealed = seal(&[0xa0], &secret(), None);
        for end in 0..sealed.len() {
            assert_eq!(
                open_default(&sealed[..end]),
                Err(EnvelopeError::Malformed),
                "cut at {end}"
            );
        }
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(open_default(&longer), Err(EnvelopeError::Malformed));
        let mut flipped = sealed.clone();
        let body_at = sealed.len() - 37;
        flipped[body_at] ^= 1;
        assert_eq!(open_default(&flipped), Err(EnvelopeError::Checksum));
        let mut header_flipped = sealed;
        header_flipped[8] ^= 1;
        assert_eq!(open_default(&header_flipped), Err(EnvelopeError::Signature));
    }

    #[test]
    fn a_signed_header_must_still_be_the_one_we_know() {
        for header in [
            "",
            "{}",
            r#"{"alg":"HS512","chk":"crc32","fmt":"cbor"}"#,
            r#"{"alg":"HS256","chk":"crc32","fmt":"cbor","x":1}"#,
            r#"{"alg":"HS256", "chk":"crc32","fmt":"cbor"}"#,
            r#"{"chk":"crc32","alg":"HS256","fmt":"cbor"}"#,
        ] {
            assert_eq!(
                open_default(&with_header(header)),
                Err(EnvelopeError::Unsupported),
                "{header}"
            );
        }
        assert!(open_default(&with_header(&header_text(None))).is_ok());
    }
}
