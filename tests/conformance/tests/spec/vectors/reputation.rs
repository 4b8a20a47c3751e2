//! `reputation.json`.

use atp_routing::plan::{Sample, reputation};
use serde_json::Value;

fn sample(value: &Value) -> Result<Sample, String> {
    let number = |key: &str| value[key].as_f64().ok_or(format!("no number `{key}`"));
    Ok(Sample {
        age_days: number("age_days")?,
        accuracy: number("accuracy")?,
        quality: number("quality")?,
        latency_ms: number("latency_ms")?,
    })
}

#[test]
fn reputation_is_the_weighted_mean_of_recent_samples() {
    super::run("reputation", |case| {
        let samples = case["samples"].as_array().ok_or("no samples")?;
        let samples: Vec<Sample> = samples.iter().map(sample).collect::<Result<_, _>>()?;
        let score = reputation(&samples).map(|reputation| reputation.score);
        match (score, case["expect"].as_f64()) {
            (None, None) => Ok(()),
            (Some(score), Some(expected)) if (score - expected).abs() <= 1e-9 => Ok(()),
            (score, expected) => Err(format!("{score:?} is not {expected:?}")),
        }
    });
}
