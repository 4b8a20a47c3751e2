//! `reassembly.json`: fragments of one message, without `nack` (atp.md 10.4).

use std::collections::BTreeSet;

use atp_protocol::fragment::{Body, Fragment, Markers, Overdue, Pushed, Reassembler, ReassemblyConfig, Whole};
use atp_protocol::ids::LaneId;
use atp_protocol::sign::fragment::Checksum;
use atp_protocol::units::Millis;
use serde_json::{Value, json};

type Flags = BTreeSet<String>;

fn fragment(push: &Value) -> Option<Fragment<Flags>> {
    let flags: Flags = serde_json::from_value(push["flags"].clone()).ok()?;
    let body = match push["hex"].as_str() {
        Some(digits) => Body::Binary(hex::decode(digits).ok()?.into()),
        None => Body::Text(push["text"].as_str()?.to_owned()),
    };
    Some(Fragment {
        frag_seq: u32::try_from(push["frag_seq"].as_u64()?).ok()?,
        markers: Markers {
            more: flags.contains("MORE"),
            frag: flags.contains("FRAG"),
            last: flags.contains("LAST"),
        },
        checksum: push["checksum"].as_str().map(Checksum::parse),
        body,
        header: flags,
    })
}

/// The delivered message in the shape of the expectation.
fn delivered(whole: &Whole<Flags>) -> Value {
    let body = match Body::join(&whole.pieces) {
        Some(Body::Text(text)) => json!({ "text": text }),
        Some(Body::Binary(bytes)) => json!({ "hex": hex::encode(bytes) }),
        None => Value::Null,
    };
    let mut flags = whole.header.clone();
    for marker in ["FRAG", "LAST", "MORE"] {
        flags.remove(marker);
    }
    flags.insert("REASSEMBLED".to_owned());
    json!({ "final": body, "final_checksum": whole.checksum, "final_flags": flags })
}

fn wanted(case: &Value) -> Value {
    if case["final"].is_null() {
        return Value::Null;
    }
    let flags: Flags = serde_json::from_value(case["final_flags"].clone()).unwrap_or_default();
    json!({ "final": case["final"], "final_checksum": case["final_checksum"], "final_flags": flags })
}

#[test]
fn fragments_in_any_order_make_the_message() {
    super::run("reassembly", |case| {
        let mut stream = Reassembler::new(ReassemblyConfig {
            gap_ttl_ms: case["gap_ttl_ms"].as_u64().ok_or("no gap ttl")?,
            ..ReassemblyConfig::default()
        });
        let key = (LaneId::default(), 1);
        let (mut outcomes, mut late, mut message) = (Vec::new(), 0, Value::Null);
        for push in case["pushes"].as_array().ok_or("no pushes")? {
            let now = Millis(push["t_ms"].as_u64().ok_or("no time")?);
            let abandoned = stream.tick(now, 0.0);
            if !abandoned.is_empty() {
                let is_gap = matches!(abandoned[..], [Overdue::Abandoned { .. }]);
                return Err(format!("given up at {} (gap: {is_gap})", now.0));
            }
            let pushed = stream.push(now, &key, fragment(push).ok_or("bad push")?, usize::MAX);
            late += u64::from(pushed == Pushed::Late);
            outcomes.push(match &pushed {
                Pushed::Held | Pushed::Late => Value::Null,
                Pushed::Complete(whole) => {
                    message = delivered(whole);
                    json!("complete")
                }
                Pushed::BadChecksum => json!("error:checksum"),
                Pushed::Conflict => json!("error:conflict"),
                Pushed::Refused(fault) | Pushed::Abandoned(fault) => json!(format!("error:{fault}")),
            });
        }
        let got = json!([outcomes, late, message]);
        let wanted = json!([case["per_push"], case["late_fragments_dropped"], wanted(case)]);
        if got == wanted {
            Ok(())
        } else {
            Err(format!("got {got}, wanted {wanted}"))
        }
    });
}
