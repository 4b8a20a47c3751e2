//! `budget_anomaly.json`: burn rate and spike guard (atp.md section 17.3).

use atp_protocol::units::{Millis, UnixMillis};
use atp_routing::budget::{BurnRate, SpikeGuard, SpikeSettings};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Case {
    Burn {
        events: Vec<Settlement>,
        at_ms: u64,
        window_s: u64,
        usd_per_min: f64,
    },
    Spike {
        rates: Vec<f64>,
        interval_ms: u64,
        expect: Vec<bool>,
        ewma: f64,
    },
}

#[derive(Deserialize)]
struct Settlement {
    t_ms: u64,
    usd_micros: u64,
}

#[test]
fn budget_anomaly() {
    super::run("budget_anomaly", |case| {
        match Case::deserialize(case).map_err(|error| error.to_string())? {
            Case::Burn { events, at_ms, window_s, usd_per_min } => {
                let mut burn = BurnRate::new(window_s * 1_000);
                for event in events {
                    burn.record(UnixMillis(event.t_ms), event.usd_micros);
                }
                near(burn.usd_per_min(UnixMillis(at_ms)), usd_per_min)
            }
            Case::Spike { rates, interval_ms, expect, ewma } => {
                let mut guard = SpikeGuard::new(SpikeSettings::default());
                let mut last = f64::NAN;
                for (at, (rate, expect)) in (0_u64..).zip(rates.iter().zip(expect)) {
                    let judged = guard.observe(Millis(at * interval_ms), *rate);
                    if judged.is_spike != expect {
                        return Err(format!("rate {at}: {judged:?}, expected spike: {expect}"));
                    }
                    last = judged.ewma;
                }
                near(last, ewma)
            }
        }
    });
}

fn near(got: f64, expect: f64) -> Result<(), String> {
    match (got - expect).abs() <= 1e-9 {
        true => Ok(()),
        false => Err(format!("{got}, expected {expect}")),
    }
}
