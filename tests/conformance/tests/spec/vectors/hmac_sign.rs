//! Frame signatures (atp.md 4.4).

use atp_protocol::limits::Limits;
use atp_protocol::sign::{Secret, Strength, signature};
use atp_protocol::value::{Value, json};

use super::{bytes, equal, text};

#[test]
fn made_and_verified() {
    super::run("hmac_sign", |case| {
        let tree = json::parse(text(case, "frame_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        let frame = tree.as_object().ok_or("not an object")?;
        let secret = Secret::new(&bytes(case, "key_hex")?, Strength::Test).map_err(|error| error.to_string())?;
        match text(case, "op")? {
            "sign" => {
                let sig = signature::of(frame, &secret).map_err(|error| error.to_string())?;
                equal(&sig, text(case, "sig")?)
            }
            "verify" => {
                let sig = frame.get("sig").and_then(Value::as_text);
                let verdict = sig.is_some_and(|sig| signature::verify(frame, sig, &secret) == Ok(true));
                equal(&verdict.to_string(), &case["verify"].to_string())
            }
            op => Err(format!("unknown op {op}")),
        }
    });
}
