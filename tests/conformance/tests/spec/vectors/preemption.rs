//! `preemption.json`: who gives way (atp.md section 18.3).

use atp_protocol::units::{Millis, Tier};
use atp_routing::scheduler::{Active, pick_victims};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    active: Vec<Call>,
    needed: usize,
    prefer_oldest: bool,
    expect: Vec<String>,
}

#[derive(Deserialize)]
struct Call {
    stream: String,
    qos: Tier,
    started_ms: f64,
}

#[test]
fn preemption() {
    super::run("preemption", |case| {
        let case = Case::deserialize(case).map_err(|error| error.to_string())?;
        let active = case.active.into_iter().map(|call| Active {
            id: call.stream,
            tier: call.qos,
            started: Millis(call.started_ms as u64),
        });
        let victims: Vec<String> = pick_victims(active, case.needed, case.prefer_oldest)
            .into_iter()
            .map(|call| call.id)
            .collect();
        match victims == case.expect {
            true => Ok(()),
            false => Err(format!("{victims:?}, expected {:?}", case.expect)),
        }
    });
}
