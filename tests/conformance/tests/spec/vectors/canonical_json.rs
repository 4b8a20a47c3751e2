//! ATP canonical JSON (atp.md 4.1).

use atp_protocol::limits::Limits;
use atp_protocol::sign::sha256_hex;
use atp_protocol::value::{canonical, json};

use super::{equal, text};

#[test]
fn canonical_text_and_digest() {
    super::run("canonical_json", |case| {
        let value = json::parse(text(case, "input_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        let object = value.as_object().ok_or("not an object")?;
        let canonical = canonical::ascii(object, &["sig"]).map_err(|error| error.to_string())?;
        equal(&canonical, text(case, "canonical")?)?;
        equal(&sha256_hex(canonical.as_bytes()), text(case, "sha256")?)
    });
}
