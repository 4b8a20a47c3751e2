//! `retransmit_queue.json`: an index is asked for again only after its time (atp.md 11.2).

use atp_protocol::ack::RetransmitQueue;
use atp_protocol::units::Millis;
use serde_json::{Value, json};

#[test]
fn missing_fragments_are_asked_for_once_in_their_time() {
    super::run("retransmit_queue", |case| {
        let mut queue = RetransmitQueue::new(case["ttl_ms"].as_u64().ok_or("no ttl")?);
        let mut frames = 0;
        let steps = case["steps"].as_array().ok_or("no steps")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (step, wanted)) in steps.iter().zip(wanted).enumerate() {
            let now = Millis(step["t_ms"].as_u64().ok_or("no time")?);
            let got = match step["op"].as_str() {
                Some("request") => {
                    let missing: Vec<u32> =
                        serde_json::from_value(step["missing"].clone()).map_err(|error| error.to_string())?;
                    let asked = queue.request(now, &missing, usize::MAX);
                    frames += asked.len();
                    json!(asked)
                }
                Some("clear") => {
                    queue.clear();
                    Value::Null
                }
                op => return Err(format!("op {op:?} not known")),
            };
            if got != *wanted {
                return Err(format!("step {at}: got {got}, wanted {wanted}"));
            }
        }
        if json!(frames) == case["retransmit_frames_total"] {
            Ok(())
        } else {
            Err(format!("{frames} frames"))
        }
    });
}
