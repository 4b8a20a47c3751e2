//! `fair_queue.json`: when an item counts as starved, and how much its flow is boosted (atp.md section 18.2).

use atp_routing::scheduler::{boosted_weight, starvation_threshold_ms};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Case {
    Threshold {
        recent_waits_ms: Vec<f64>,
        expect: f64,
    },
    Boost {
        weight: f64,
        elapsed_s: f64,
        expect: f64,
    },
}

#[test]
fn fair_queue() {
    super::run("fair_queue", |case| {
        let (got, expect) = match Case::deserialize(case).map_err(|error| error.to_string())? {
            Case::Threshold { recent_waits_ms, expect } => {
                let mut sorted: Vec<u64> = recent_waits_ms.iter().map(|wait| *wait as u64).collect();
                sorted.sort_unstable();
                (starvation_threshold_ms(&sorted) as f64, expect)
            }
            Case::Boost { weight, elapsed_s, expect } => (boosted_weight(weight, elapsed_s), expect),
        };
        match (got - expect).abs() <= 1e-9 {
            true => Ok(()),
            false => Err(format!("{got}, expected {expect}")),
        }
    });
}
