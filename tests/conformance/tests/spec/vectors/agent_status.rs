//! `agent_status.json`: what an agent's readiness leaves of its window (atp.md 16.2), for work already bound to it.

use atp_protocol::flow::{StatusConfig, StatusTracker, Work};
use atp_protocol::units::Millis;
use serde_json::Value;

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}

#[test]
fn readiness_narrows_the_window() {
    super::run("agent_status", |case| {
        let mut agent = StatusTracker::new(StatusConfig {
            grace_ms: case["grace_ms"].as_u64().ok_or("no grace")?,
            ..StatusConfig::default()
        });
        let mut changes = 0;
        let ops = case["ops"].as_array().ok_or("no ops")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (op, wanted)) in ops.iter().zip(wanted).enumerate() {
            let now = Millis(op["t_ms"].as_u64().ok_or("no time")?);
            let got = match op["op"].as_str() {
                Some("status") => {
                    let status = serde_json::from_value(op["status"].clone()).map_err(|e| e.to_string())?;
                    changes += u64::from(agent.report(now, status, None).is_some());
                    None
                }
                Some("window") => {
                    let router = number(&op["router"]).ok_or("no router window")?;
                    let suggested = number(&op["suggested"]);
                    Some(agent.parallel(now, Work::Continuing, router, suggested, false))
                }
                op => return Err(format!("op {op:?} not known")),
            };
            if got != number(wanted) {
                return Err(format!("op {at}: got {got:?}, wanted {wanted}"));
            }
        }
        if Some(changes) == case["agent_status_changes_total"].as_u64() {
            Ok(())
        } else {
            Err(format!("{changes} changes"))
        }
    });
}
