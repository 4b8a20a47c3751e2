//! Checksum of a whole frame (atp.md 4.3).

use atp_protocol::sign::checksum;
use atp_protocol::value::{Value, json};

use atp_protocol::limits::Limits;

use super::{equal, text};

#[test]
fn made_and_verified() {
    super::run("frame_checksum", |case| {
        let tree = json::parse(text(case, "frame_json")?, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        let frame = tree.as_object().ok_or("not an object")?;
        let kind = text(case, "kind")?;
        if kind == "native" {
            let made = checksum::of(frame).map_err(|error| error.to_string())?;
            equal(&made, text(case, "checksum")?)?;
            return accepted(checksum::verify(frame, &made), true);
        }
        let received = frame.get("checksum").and_then(Value::as_text).ok_or("no checksum")?;
        accepted(checksum::verify(frame, received), kind == "verify_ok")
    });
}

fn accepted<E: std::fmt::Debug>(verdict: Result<bool, E>, wanted: bool) -> Result<(), String> {
    match verdict {
        Ok(verdict) if verdict == wanted => Ok(()),
        other => Err(format!("got {other:?}, wanted {wanted}")),
    }
}
