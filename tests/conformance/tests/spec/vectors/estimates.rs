//! `estimates.json`: errors of estimates (atp.md 17.4).

use atp_protocol::estimate::{Sample, ape, conformance_predictability};
use serde_json::Value;

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

fn pair(value: &Value) -> (u64, u64) {
    (number(&value[0]), number(&value[1]))
}

fn pairs(value: &Value) -> impl Iterator<Item = (u64, u64)> {
    value.as_array().expect("a list").iter().map(pair)
}

#[test]
fn errors_are_relative_to_the_actual() {
    super::run("estimates", |case| {
        let got = match case["op"].as_str() {
            Some("ape") => ape(number(&case["estimate"]), number(&case["actual"])),
            Some("predictability") => {
                let samples: Vec<_> = pairs(&case["estimates"])
                    .zip(pairs(&case["actuals"]))
                    .map(|(estimate, actual)| Sample { estimate, actual })
                    .collect();
                conformance_predictability(&samples)
            }
            op => return Err(format!("op {op:?} not known")),
        };
        let wanted = case["expect"].as_f64().ok_or("no expectation")?;
        if (got - wanted).abs() < 1e-9 {
            Ok(())
        } else {
            Err(format!("got {got}, wanted {wanted}"))
        }
    });
}
