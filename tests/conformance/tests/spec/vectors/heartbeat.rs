//! `heartbeat.json`: heartbeats and idle close (atp.md section 12).

use atp_protocol::liveness::{Pulse, Tick, Timing};
use atp_protocol::units::Millis;
use serde_json::{Value, json};

#[test]
fn idleness_goes_before_heartbeats() {
    super::run("heartbeat", |case| {
        let timing = Timing {
            hb_interval_ms: case["interval_ms"].as_u64().ok_or("no interval")?,
            idle_fin_ms: case["idle_fin_ms"].as_u64().ok_or("no idle limit")?,
            dead_ms: u64::MAX,
        };
        let mut pulse = Pulse::new(Millis(0), timing);
        let mut beats = 0;
        let ops = case["ops"].as_array().ok_or("no ops")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (op, wanted)) in ops.iter().zip(wanted).enumerate() {
            let now = Millis(op["t_ms"].as_u64().ok_or("no time")?);
            let got = match op["op"].as_str() {
                Some("activity") => {
                    pulse.touch(now);
                    Value::Null
                }
                Some("tick") => match pulse.tick(now) {
                    Tick::Quiet => json!([]),
                    Tick::Beat => {
                        beats += 1;
                        json!(["HB"])
                    }
                    Tick::Idle => json!(["FIN"]),
                },
                op => return Err(format!("op {op:?} not known")),
            };
            if got != *wanted {
                return Err(format!("op {at}: got {got}, wanted {wanted}"));
            }
        }
        if json!(beats) == case["heartbeats_tx"] {
            Ok(())
        } else {
            Err(format!("{beats} heartbeats"))
        }
    });
}
