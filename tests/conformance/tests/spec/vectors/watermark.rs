//! `watermark.json`: slow queues (atp.md 16.5).

use atp_protocol::flow::{Watermark, WatermarkConfig};
use serde_json::json;

#[test]
fn queues_are_high_after_a_run_of_long_waits() {
    super::run("watermark", |case| {
        let number = |member: &str| case[member].as_f64().ok_or(format!("no {member}"));
        let mut watermark = Watermark::new(WatermarkConfig {
            high_ms: number("high_ms")?,
            low_ms: number("low_ms")?,
            require_n: number("require_n")? as u32,
        });
        let mut events = 0;
        let waits = case["waits"].as_array().ok_or("no waits")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (wait, wanted)) in waits.iter().zip(wanted).enumerate() {
            let suggested = watermark.observe(wait.as_f64().ok_or("bad wait")?);
            events += u64::from(suggested.is_some());
            let got = json!({
                "trigger": suggested.is_some(),
                "suggested_wait_ms": suggested.unwrap_or(0),
                "high": watermark.is_high(),
            });
            if got != *wanted {
                return Err(format!("wait {at}: got {got}, wanted {wanted}"));
            }
        }
        if Some(events) == case["queue_high_watermark_events_total"].as_u64() {
            Ok(())
        } else {
            Err(format!("{events} events"))
        }
    });
}
