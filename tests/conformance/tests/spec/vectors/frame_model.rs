//! Structure of a frame (atp.md section 3): the verdict, the path at fault, and the members modelled.

use std::collections::BTreeSet;

use atp_protocol::frame::Frame;
use atp_protocol::limits::Limits;
use atp_protocol::value::json;
use serde_json::Value;

use super::{equal, text};

#[test]
fn verdicts_paths_and_members() {
    super::run("frame_model", |case| {
        let received = text(case, "frame_json")?;
        let tree = json::parse(received, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        let frame = Frame::read(tree, received.len(), &Limits::DEFAULT);
        match (frame, case["accept"] == true) {
            (Ok(frame), true) => same(frame, &case["normalized"]),
            (Err(fault), false) => {
                equal(fault.code.as_str(), "EPROTO")?;
                let path = fault.detail.split(':').next().unwrap_or_default();
                let paths: Vec<&str> = case["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                if paths.contains(&path) { Ok(()) } else { Err(format!("blames {path}, wanted one of {paths:?}")) }
            }
            (Ok(_), false) => Err("accepted".to_owned()),
            (Err(fault), true) => Err(format!("refused: {fault}")),
        }
    });
}

/// The frame sent again has the members of the typed view. Absent ones are `null` there, seals are made anew at each hop, and
/// `meta` and `payload` list what the reference models.
fn same(frame: Frame<'_>, normalized: &Value) -> Result<(), String> {
    let flags: BTreeSet<String> = frame.flags.names().map(str::to_owned).collect();
    let sent = Value::from(&atp_protocol::value::Value::Object(frame.into_object(false)));
    for (name, wanted) in normalized.as_object().ok_or("no normalized")? {
        match name.as_str() {
            "checksum" | "sig" | "kid" | "nonce" | "ts" => {}
            "flags" => {
                let listed = wanted.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
                let wanted: BTreeSet<String> = listed.collect();
                equal(&format!("{flags:?}"), &format!("{wanted:?}"))?;
            }
            "meta" | "payload" => {
                for (member, wanted) in wanted.as_object().ok_or("not an object")? {
                    equal(&sent[name][member].to_string(), &wanted.to_string()).map_err(|why| format!("{name}.{member}: {why}"))?;
                }
            }
            _ => equal(&sent[name].to_string(), &wanted.to_string()).map_err(|why| format!("{name}: {why}"))?,
        }
    }
    Ok(())
}
