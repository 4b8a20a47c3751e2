//! Deterministic CBOR (atp.md 5.1 and 5.2). `{"$hex": …}` stands for a byte string.

use std::borrow::Cow;

use atp_protocol::limits::Limits;
use atp_protocol::value::{Value, cbor, json};

use super::{bytes, equal, text};

/// The value of `value_json`, byte strings put in.
fn value(case: &serde_json::Value) -> Result<Value<'static>, String> {
    let value = json::parse(text(case, "value_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    with_bytes(value.into_owned())
}

fn with_bytes(value: Value<'static>) -> Result<Value<'static>, String> {
    if let Some(digits) = value.as_object().and_then(|object| object.get("$hex")).and_then(Value::as_text) {
        return hex::decode(digits).map(|bytes| Value::Bytes(Cow::Owned(bytes))).map_err(|error| error.to_string());
    }
    match value {
        Value::Array(array) => array.into_iter().map(with_bytes).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(object) => {
            object.into_iter().map(|(name, member)| Ok((name, with_bytes(member)?))).collect::<Result<_, _>>().map(Value::Object)
        }
        scalar => Ok(scalar),
    }
}

#[test]
fn encodings_and_refusals() {
    super::run("cbor_values", |case| {
        let wanted = bytes(case, "hex")?;
        let decoded = cbor::parse(&wanted, &Limits::DEFAULT);
        match text(case, "op")? {
            "encode" => {
                equal(&hex::encode(cbor::encode(&value(case)?)), &hex::encode(&wanted))?;
                let decoded = decoded.map_err(|error| error.to_string())?;
                equal(&hex::encode(cbor::encode(&decoded)), &hex::encode(&wanted))
            }
            "decode" => {
                let decoded = decoded.map_err(|error| error.to_string())?;
                // the tree keeps the order of the input, in which the case lists its members
                equal(&format!("{decoded:?}"), &format!("{:?}", value(case)?))
            }
            "decode_error" => decoded.map_or(Ok(()), |value| Err(format!("accepted as {value:?}"))),
            op => Err(format!("unknown op {op}")),
        }
    });
}
