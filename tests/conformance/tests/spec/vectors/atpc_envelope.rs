//! The signed CBOR envelope (atp.md 5.3).

use atp_protocol::container::envelope::{self, EnvelopeError};
use atp_protocol::limits::Limits;
use atp_protocol::sign::{Secret, Strength};
use atp_protocol::value::{canonical, cbor, json};
use serde_json::Value;

use super::{bytes, equal, text};

#[test]
fn sealed_opened_and_refused() {
    super::run("atpc_envelope", |case| {
        let secret = Secret::new(&bytes(case, "key_hex")?, Strength::Test).map_err(|error| error.to_string())?;
        let sealed = bytes(case, "hex")?;
        let opened = envelope::open(&sealed, &Limits::DEFAULT, |kid| kid.is_none().then_some(&secret));
        match text(case, "op")? {
            "encode" => {
                let frame = json::parse(text(case, "frame_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
                let made = envelope::seal(&cbor::encode(&frame), &secret, None);
                equal(&hex::encode(made), &hex::encode(&sealed))?;
                same_frame(opened, case)
            }
            "decode" => same_frame(opened, case),
            "decode_error" => {
                let class = match opened {
                    Err(EnvelopeError::Malformed) => "malformed",
                    Err(EnvelopeError::Checksum) => "checksum",
                    Err(EnvelopeError::Signature) => "signature",
                    Err(EnvelopeError::Unsupported) => "unsupported",
                    Ok(_) => "none",
                };
                equal(class, text(case, "error")?)
            }
            op => Err(format!("unknown op {op}")),
        }
    });
}

/// The body is the frame of the case, compared in canonical form.
fn same_frame(opened: Result<&[u8], EnvelopeError>, case: &Value) -> Result<(), String> {
    let body = opened.map_err(|error| error.to_string())?;
    let got = cbor::parse(body, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    let wanted = json::parse(text(case, "frame_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    let form = |tree: &atp_protocol::value::Value<'_>| -> Result<String, String> {
        canonical::ascii(tree.as_object().ok_or("not an object")?, &[]).map_err(|error| error.to_string())
    };
    equal(&form(&got)?, &form(&wanted)?)
}
