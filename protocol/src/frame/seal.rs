//! What seals a frame for one hop: signature, nonce and time, checksum (atp.md 3.5 steps 5 to 7, 4.3, 4.4 and section 14).

use crate::error::{Code, Fault, Scope};
use crate::frame::check::{Check, fault};
use crate::ids::KeyId;
use crate::limits::MSG_SEQ_MAX;
use crate::sign::{Keys, checksum, signature};
use crate::units::UnixMillis;
use crate::value::{Object, Value};

/// Longest nonce in bytes.
const NONCE_MAX: usize = 128;

/// What is said of a checksum that does not match; by it the failure is known again.
const WRONG_CHECKSUM: &str = "is not that of the frame; send it again";

/// `ts` values below this are read as seconds.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// What every frame of a connection must carry: the minimum configured for its role and the features agreed on
/// (atp.md 8.4). A missing one is `EAUTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Required {
    /// A signature, `sig` or that of the envelope.
    pub sig: bool,
    /// `nonce` and `ts`.
    pub nonce: bool,
    /// A checksum; a signature stands in for it.
    pub checksum: bool,
    /// The `ATPC` envelope.
    pub envelope: bool,
}

/// A nonce to be entered in the store of those seen, or found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce<'n> {
    /// The key the frame was signed with, if it names one.
    pub kid: Option<&'n str>,
    /// The nonce; unique with the tenant and `kid`.
    pub nonce: &'n str,
    /// When the frame was sent, by the sender's clock.
    pub ts: Option<UnixMillis>,
}

/// `kid`, `nonce` and `ts` of a received frame, of the right form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The key named.
    pub kid: Option<KeyId>,
    /// The nonce.
    pub nonce: Option<String>,
    /// When the frame was sent, by the sender's clock.
    pub ts: Option<UnixMillis>,
}

impl Stamp {
    /// Reads the stamps; a malformed `kid` is left to the signature, which it fails.
    pub(super) fn read(frame: &Object<'_>, nonce_min: usize) -> Result<Self, Fault> {
        let member = |name: &'static str| {
            let value = frame.present(name)?;
            Some(Check {
                within: "",
                name,
                value,
            })
        };
        let kid = member("kid").and_then(|kid| KeyId::new(kid.value.as_text()?).ok());
        let nonce = match member("nonce") {
            Some(nonce) => Some(checked_nonce(nonce, nonce_min)?.to_owned()),
            None => None,
        };
        let ts = member("ts").map(|ts| ts.int(0..=MSG_SEQ_MAX)).transpose()?;
        let to_ms = |ts: u64| UnixMillis(if ts < SECONDS_BELOW { ts * 1_000 } else { ts });
        Ok(Self {
            kid,
            nonce,
            ts: ts.map(to_ms),
        })
    }

    /// Step 6: hands the nonce to the store, where it is required or the signature proves whose it is. An unproven nonce
    /// does not enter the store, so that nobody can fill it.
    pub(super) fn check(
        &self,
        required: Required,
        is_signed: bool,
        store: &mut dyn FnMut(Nonce<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match (&self.nonce, self.ts) {
            (None, _) | (_, None) if required.nonce => Err(denied()),
            (Some(nonce), ts) if required.nonce || is_signed => store(Nonce {
                kid: self.kid.as_ref().map(KeyId::as_str),
                nonce,
                ts,
            }),
            _ => Ok(()),
        }
    }
}

fn checked_nonce<'v>(member: Check<'v, '_>, min: usize) -> Result<&'v str, Fault> {
    let nonce = member.text()?;
    let is_visible = |byte: u8| matches!(byte, 0x21..=0x7E) && byte != b'"' && byte != b'\\';
    if (min..=NONCE_MAX).contains(&nonce.len()) && nonce.bytes().all(is_visible) {
        Ok(nonce)
    } else {
        Err(member.fault(format_args!(
            "must have {min} to {NONCE_MAX} visible ASCII characters"
        )))
    }
}

/// Step 5: whether the frame is signed, by its envelope or by `sig`. A `sig` is checked whenever there is a key to check it
/// with, required or not.
pub(super) fn signature(
    frame: &Object<'_>,
    keys: Keys<'_>,
    required: Required,
    is_enveloped: bool,
    now: UnixMillis,
) -> Result<bool, Fault> {
    if is_enveloped {
        return Ok(true);
    }
    let sig = frame
        .get("sig")
        .filter(|sig| required.sig || **sig != Value::Null);
    let sig = match sig {
        _ if required.envelope => return Err(denied()),
        None if required.sig => return Err(denied()),
        None => return Ok(false),
        Some(_) if !required.sig && keys.is_empty() => return Ok(false),
        Some(sig) => sig.as_text().ok_or_else(denied)?,
    };
    let kid = match frame.present("kid") {
        Some(kid) => Some(kid.as_text().ok_or_else(denied)?),
        None => None,
    };
    let secret = keys.find(kid, now).ok_or_else(denied)?;
    let is_valid = signature::verify(frame, sig, secret).map_err(|error| fault("", "sig", error))?;
    if is_valid { Ok(true) } else { Err(denied()) }
}

/// Step 7: the checksum is checked whenever there is one.
pub(super) fn checksum(frame: &Object<'_>, required: Required, is_signed: bool) -> Result<(), Fault> {
    let wrong = || fault("", "checksum", WRONG_CHECKSUM);
    match frame.present("checksum") {
        None if required.checksum && !is_signed => Err(denied()),
        None => Ok(()),
        Some(text) => {
            let text = text.as_text().ok_or_else(wrong)?;
            match checksum::verify(frame, text) {
                Ok(true) => Ok(()),
                Ok(false) => Err(wrong()),
                Err(error) => Err(fault("", "checksum", error)),
            }
        }
    }
}

/// Whether a frame was refused because its checksum is not its own (`frame_checksum_fail_total`).
#[must_use]
pub fn is_checksum_failure(fault: &Fault) -> bool {
    fault.code == Code::Proto && fault.detail.ends_with(WRONG_CHECKSUM)
}

/// One answer to every failure, so that a prober learns nothing from it.
fn denied() -> Fault {
    Fault::new(Code::Auth, "frame not authenticated as this connection requires").scoped(Scope::Frame)
}
