//! The way out: members, stamps, checksum, signature, encoding, container, in that order (atp.md 4.4).

use crate::container::compressed::{self, Algorithm};
use crate::container::envelope;
use crate::error::{Code, Fault, Scope};
use crate::frame::{Flag, Frame};
use crate::ids::KeyId;
use crate::limits::COMPRESS_MIN;
use crate::sign::{Secret, checksum, signature};
use crate::units::UnixMillis;
use crate::value::{Value, cbor, json};

/// How a connection's frames are sent.
#[derive(Debug, Clone, Copy)]
pub struct Outbound<'o> {
    /// Encoding and container.
    pub wrapping: Wrapping<'o>,
    /// Leave out what the other side inherits; only where `lean` was agreed.
    pub lean: bool,
    /// Add a checksum; only where there is no signature.
    pub checksum: bool,
    /// `nonce` and `ts` to send.
    pub fresh: Option<(&'o str, UnixMillis)>,
    /// Compress what is worth it.
    pub compression: Option<Algorithm>,
    /// Most bytes the other side takes, uncompressed.
    pub frame_bytes: usize,
}

/// Encoding and container.
#[derive(Debug, Clone, Copy)]
pub enum Wrapping<'o> {
    /// JSON, signed with a key of this name if there is one.
    Json(Option<(Option<&'o KeyId>, &'o Secret)>),
    /// CBOR, signed likewise.
    Cbor(Option<(Option<&'o KeyId>, &'o Secret)>),
    /// CBOR in an `ATPC` envelope.
    Envelope(Option<&'o KeyId>, &'o Secret),
}

/// A message for the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    /// For a text message.
    Text(String),
    /// For a binary message.
    Binary(Vec<u8>),
}

impl Outbound<'_> {
    /// Plain JSON, as towards a connection without a hello.
    #[must_use]
    pub const fn json(frame_bytes: usize) -> Self {
        Self {
            wrapping: Wrapping::Json(None),
            lean: false,
            checksum: false,
            fresh: None,
            compression: None,
            frame_bytes,
        }
    }
}

/// Encodes a frame.
///
/// # Errors
/// `ETOOBIG` of the message if it exceeds what the other side takes. `EPROTO` if it holds a byte string and the encoding or
/// a `sig` has no form for it; send it in an envelope.
pub fn encode(frame: Frame<'_>, out: &Outbound<'_>) -> Result<Encoded, Fault> {
    // keep-alives and acknowledgements are never worth the time
    let may_compress = !(frame.flags.has(Flag::Heartbeat) || frame.flags.has(Flag::Ack));
    let mut members = frame.into_object(out.lean);
    if let Some((nonce, UnixMillis(ts))) = out.fresh {
        members.push("nonce".into(), nonce.into());
        members.push("ts".into(), ts.into());
    }
    let signing = match out.wrapping {
        Wrapping::Json(signing) | Wrapping::Cbor(signing) => signing,
        Wrapping::Envelope(..) => None,
    };
    if let Some((Some(kid), _)) = signing {
        members.push("kid".into(), kid.as_str().into());
    }
    if out.checksum {
        let checksum = checksum::of(&members)?;
        members.push("checksum".into(), checksum.into());
    }
    if let Some((_, secret)) = signing {
        let sig = signature::of(&members, secret)?;
        members.push("sig".into(), sig.into());
    }
    let tree = Value::Object(members);
    let encoded = match out.wrapping {
        Wrapping::Json(_) => Encoded::Text(json::text(&tree)?),
        Wrapping::Cbor(_) => Encoded::Binary(cbor::encode(&tree)),
        Wrapping::Envelope(kid, secret) => Encoded::Binary(envelope::seal(
            &cbor::encode(&tree),
            secret,
            kid.map(KeyId::as_str),
        )),
    };
    let bytes = encoded.as_bytes();
    if bytes.len() > out.frame_bytes {
        let detail = format!(
            "frame of {} bytes where the other side takes {}",
            bytes.len(),
            out.frame_bytes
        );
        return Err(Fault::new(Code::TooBig, detail).scoped(Scope::Message));
    }
    match out.compression {
        Some(algorithm) if may_compress && bytes.len() >= COMPRESS_MIN => {
            Ok(Encoded::Binary(compressed::deflate(bytes, algorithm)))
        }
        _ => Ok(encoded),
    }
}

impl Encoded {
    /// The bytes, whichever kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}
