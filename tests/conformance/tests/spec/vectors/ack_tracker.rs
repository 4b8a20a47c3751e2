//! `ack_tracker.json`: which fragments are held, missing and acknowledged (atp.md 11.1).

use atp_protocol::ack::Tracker;
use serde_json::json;

#[test]
fn fragments_are_acknowledged_up_to_the_first_gap() {
    super::run("ack_tracker", |case| {
        let mut tracker = Tracker::default();
        let (mut acks, mut requests) = (0, 0);
        let steps = case["steps"].as_array().ok_or("no steps")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (step, wanted)) in steps.iter().zip(wanted).enumerate() {
            let frag_seq = step["frag_seq"].as_u64().ok_or("no frag_seq")? as u32;
            let noted = tracker.note(frag_seq, step["last"] == true);
            acks += noted.newly_acked;
            requests += noted.missing;
            let nacks = tracker.last().map_or_else(Vec::new, |_| tracker.missing(usize::MAX));
            let got = json!({
                "ack_up_to": tracker.ack_up_to(),
                "nacks": nacks,
                "completed": tracker.is_completed(),
            });
            if got != *wanted {
                return Err(format!("step {at}: got {got}, wanted {wanted}"));
            }
        }
        let got = json!([acks, requests]);
        let wanted = json!([case["acks_tx"], case["retransmit_requests"]]);
        if got == wanted {
            Ok(())
        } else {
            Err(format!("counters: got {got}, wanted {wanted}"))
        }
    });
}
