//! `consensus.json`: lexical agreement and text strategies (atp.md 21.2).

use atp_routing::agreement::{Tokens, lexical_agreement, quorum, two_phase, union};
use serde_json::{Value, json};

#[test]
fn texts_agree_and_are_chosen_as_specified() {
    super::run("consensus", |case| {
        let texts: Vec<&str> = case["texts"]
            .as_array()
            .ok_or("no texts")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let tokens: Vec<Tokens> = texts.iter().map(|text| Tokens::of(text)).collect();
        let result = match case["op"].as_str() {
            Some("jaccard") => {
                let (actual, expected) = (lexical_agreement(&tokens), case["expect"].as_f64());
                return expected
                    .filter(|expected| (actual - expected).abs() < 1e-9)
                    .map(drop)
                    .ok_or_else(|| format!("{actual}, expected {expected:?}"));
            }
            Some("union") => json!(union(&texts)),
            Some("quorum") => {
                let wanted = case["quorum"].as_u64().ok_or("no quorum")?;
                json!(quorum(&texts, usize::try_from(wanted).map_err(|error| error.to_string())?).map(|at| texts[at]))
            }
            Some("two_phase") => {
                let threshold = case["threshold"].as_f64().ok_or("no threshold")?;
                json!(two_phase(&tokens, threshold).map(|(at, _)| texts[at]))
            }
            other => return Err(format!("unknown op {other:?}")),
        };
        if result == case["expect"] {
            Ok(())
        } else {
            Err(format!("{result}, expected {}", case["expect"]))
        }
    });
}
