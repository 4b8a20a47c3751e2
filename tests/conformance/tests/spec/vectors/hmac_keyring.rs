//! Signatures with a key id, through the way in and the way out (atp.md 4.4).

use atp_protocol::frame::{Incoming, Policy, Required, ingress};
use atp_protocol::ids::KeyId;
use atp_protocol::limits::Limits;
use atp_protocol::sign::{KeyRing, Keys, Secret, Strength, signature};
use atp_protocol::units::UnixMillis;
use atp_protocol::value::json;
use serde_json::Value;

use super::{equal, text};

/// The ring of a case: every key rotated in, the current one last.
fn ring(case: &Value) -> Result<KeyRing, String> {
    let current = text(case, "current")?;
    let keys = case["keys"].as_object().ok_or("no keys")?;
    let mut ring: Option<KeyRing> = None;
    let order = keys.iter().filter(|(kid, _)| *kid != current).chain(keys.iter().filter(|(kid, _)| *kid == current));
    for (kid, key) in order {
        let key = hex::decode(key.as_str().ok_or("no key")?).map_err(|error| error.to_string())?;
        let secret = Secret::new(&key, Strength::Test).map_err(|error| error.to_string())?;
        let kid = KeyId::new(kid).map_err(|error| error.to_string())?;
        match &mut ring {
            Some(ring) => ring.rotate(kid, secret, UnixMillis(0)),
            None => ring = Some(KeyRing::new(kid, secret, 1)),
        }
    }
    ring.ok_or_else(|| "an empty ring".to_owned())
}

#[test]
fn made_and_verified_under_the_key_named() {
    super::run("hmac_keyring", |case| {
        let ring = ring(case)?;
        let received = text(case, "frame_json")?;
        match text(case, "op")? {
            "sign" => {
                let kid = case["kid"].as_str().unwrap_or(ring.current().0.as_str());
                equal(kid, text(case, "effective_kid")?)?;
                let secret = ring.find(kid, UnixMillis(0)).ok_or("the ring does not have the key")?;
                let mut tree = json::parse(received, &Limits::DEFAULT).map_err(|error| error.to_string())?;
                let frame = tree.as_object_mut().ok_or("not an object")?;
                frame.set("kid", kid);
                let sig = signature::of(frame, secret).map_err(|error| error.to_string())?;
                equal(&sig, text(case, "sig")?)
            }
            "verify" => {
                let policy = Policy {
                    required: Required { sig: true, ..Required::default() },
                    keys: Keys { ring: Some(&ring), default: None },
                    ..Policy::baseline(&Limits::DEFAULT)
                };
                let verdict = ingress(UnixMillis(0), Incoming::Text(received), &policy, &mut |_| Ok(()));
                equal(&verdict.is_ok().to_string(), &case["verify"].to_string())
            }
            op => Err(format!("unknown op {op}")),
        }
    });
}
