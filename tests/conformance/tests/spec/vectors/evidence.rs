//! `evidence.json`: citations, finding types and fields (atp.md 21.1, 21.2).

use atp_protocol::finding::Finding;
use atp_routing::agreement::{Aliases, citations_hold, fields_match};
use serde_json::{Value, json};

/// A finding of which the case states only some members.
fn finding(stated: &Value) -> Result<Finding, String> {
    let mut whole = json!({"id": "F-1", "claim": "c", "confidence": 1.0, "severity": "info", "type": "t"});
    for (name, value) in stated.as_object().ok_or("a finding is an object")? {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

#[test]
fn citations_and_findings_are_checked_as_specified() {
    super::run("evidence", |case| {
        let result = match case["op"].as_str() {
            Some("citations") => {
                let indices: Vec<u32> =
                    serde_json::from_value(case["indices"].clone()).map_err(|error| error.to_string())?;
                json!(citations_hold(case["text"].as_str().ok_or("no text")?, &indices))
            }
            Some("canonical_type") => {
                json!(Aliases::default().canonical(case["type"].as_str().ok_or("no type")?))
            }
            Some("field_match") => {
                let findings = case["findings"]
                    .as_array()
                    .ok_or("no findings")?
                    .iter()
                    .map(finding)
                    .collect::<Result<Vec<_>, _>>()?;
                json!(fields_match(&findings.iter().collect::<Vec<_>>()))
            }
            other => return Err(format!("unknown op {other:?}")),
        };
        let is_equal = match (result.as_f64(), case["expect"].as_f64()) {
            (Some(actual), Some(expected)) => (actual - expected).abs() < 1e-9,
            _ => result == case["expect"],
        };
        if is_equal {
            Ok(())
        } else {
            Err(format!("{result}, expected {}", case["expect"]))
        }
    });
}
