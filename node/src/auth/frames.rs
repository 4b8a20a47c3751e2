//! Verifies single frames for `POST /v1/verify_frame` (atp.md section 25).

use atp_actors::nonces::Nonces;
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::{Incoming, Nonce, Policy, Required, ingress};
use atp_protocol::ids::TenantId;
use atp_protocol::limits::Limits;
use atp_protocol::sign::{Keys, Strength, WeakSecret};
use atp_protocol::units::{Millis, UnixMillis};

use crate::secret::Secret;

/// The node's frame key.
pub struct FrameCheck {
    is_enabled: bool,
    key: Option<atp_protocol::sign::Secret>,
}

/// What is said of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameVerdict {
    /// Sound, signed and not seen before.
    Good,
    /// The check is switched off.
    Skipped,
    /// Not sound: the word of atp.md section 25, or the code's HTTP-facing one, and the error.
    Bad(&'static str, Fault),
}

impl FrameCheck {
    /// A check with `key`, if there is one.
    ///
    /// # Errors
    /// A key too short to be safe.
    pub fn new(is_enabled: bool, key: Option<&Secret>) -> Result<Self, WeakSecret> {
        let secret =
            |key: &Secret| atp_protocol::sign::Secret::new(key.expose().as_bytes(), Strength::Production);
        Ok(Self {
            is_enabled,
            key: key.map(secret).transpose()?,
        })
    }

    /// Whether frames are looked at.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Takes `body` through every step of the way in, as a frame of `tenant` that must be signed and fresh. A good frame's
    /// nonce is remembered among `nonces`.
    pub fn verify(
        &self,
        now: Millis,
        wall: UnixMillis,
        (tenant, nonces): (&TenantId, &Nonces),
        body: &[u8],
    ) -> FrameVerdict {
        if !self.is_enabled {
            return FrameVerdict::Skipped;
        }
        let Some(key) = &self.key else {
            let fault = Fault::new(Code::Auth, "no frame key is configured; set auth.frame_key");
            return FrameVerdict::Bad("missing_secret", fault);
        };
        let Ok(text) = std::str::from_utf8(body) else {
            return FrameVerdict::Bad("invalid_body", Fault::new(Code::Proto, "the body is not UTF-8"));
        };
        let limits = Limits::DEFAULT;
        let policy = Policy {
            required: Required {
                sig: true,
                ..Required::default()
            },
            keys: Keys {
                ring: None,
                default: Some(key),
            },
            ..Policy::baseline(&limits)
        };
        let mut has_nonce = false;
        let mut store = |nonce: Nonce<'_>| {
            has_nonce = true;
            nonces.check(now, wall, tenant, &nonce)
        };
        match ingress(wall, Incoming::Text(text), &policy, &mut store) {
            Ok(_) if !has_nonce => {
                let fault = Fault::new(Code::Auth, "sign the frame with nonce and ts");
                FrameVerdict::Bad("missing_nonce", fault)
            }
            Ok(_) => FrameVerdict::Good,
            Err(fault) => FrameVerdict::Bad(word(fault.code), fault),
        }
    }
}

fn word(code: Code) -> &'static str {
    match code {
        Code::Proto | Code::TooBig => "invalid_body",
        Code::Replay => "replay",
        other => other.row().error,
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::frame::{Encoded, Frame, Outbound, TTL_INITIAL, Wrapping, encode};
    use atp_protocol::ids::{SessionId, StreamId};
    use atp_protocol::payload::{Heartbeat, Kind, Payload};

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn frame(key: &str, fresh: Option<(&str, UnixMillis)>) -> String {
        let secret = atp_protocol::sign::Secret::new(key.as_bytes(), Strength::Production).unwrap();
        let payload = Payload::of(Kind::Heartbeat, &Heartbeat::default());
        let session = SessionId::new("s").unwrap();
        let mut frame = Frame::new(session, StreamId::control(), 0, payload);
        frame.ttl = Some(TTL_INITIAL);
        let out = Outbound {
            wrapping: Wrapping::Json(Some((None, &secret))),
            fresh,
            ..Outbound::json(1 << 20)
        };
        match encode(frame, &out).unwrap() {
            Encoded::Text(text) => text,
            Encoded::Binary(_) => panic!("JSON is text"),
        }
    }

    fn said(check: &FrameCheck, nonces: &Nonces, body: &str) -> Option<&'static str> {
        let tenant = TenantId::new("acme").unwrap();
        let wall = UnixMillis(1_000_000_000_000);
        match check.verify(Millis(0), wall, (&tenant, nonces), body.as_bytes()) {
            FrameVerdict::Good => None,
            FrameVerdict::Skipped => Some("skipped"),
            FrameVerdict::Bad(word, _) => Some(word),
        }
    }

    #[test]
    fn a_signed_and_fresh_frame_is_good_once() {
        let key = Secret::new(KEY.to_owned());
        let (check, nonces) = (FrameCheck::new(true, Some(&key)).unwrap(), Nonces::default());
        let good = frame(KEY, Some(("nonce-0001", UnixMillis(1_000_000_000_000))));
        assert_eq!(said(&check, &nonces, &good), None);
        assert_eq!(said(&check, &nonces, &good), Some("replay"));
        assert_eq!(said(&check, &nonces, &frame(KEY, None)), Some("missing_nonce"));
        let forged = frame(&KEY.replace('0', "x"), None);
        assert_eq!(said(&check, &nonces, &forged), Some("authentication_failed"));
        assert_eq!(said(&check, &nonces, "{"), Some("invalid_body"));
    }

    #[test]
    fn a_check_without_a_key_says_so_and_one_switched_off_skips() {
        let bare = FrameCheck::new(true, None).unwrap();
        assert_eq!(said(&bare, &Nonces::default(), "{}"), Some("missing_secret"));
        let off = FrameCheck::new(false, None).unwrap();
        assert_eq!(said(&off, &Nonces::default(), "{}"), Some("skipped"));
        assert!(FrameCheck::new(true, Some(&Secret::new("short".to_owned()))).is_err());
    }
}
