//! `aimd.json`: the adaptive window, without jitter and with steps far enough apart that no hold applies (atp.md 16.3).

use atp_protocol::flow::{Aimd, AimdConfig, Signal};
use atp_protocol::units::Millis;
use serde_json::Value;

fn config(params: &Value) -> Option<AimdConfig> {
    Some(AimdConfig {
        base: u32::try_from(params["base"].as_u64()?).ok()?,
        max_cap: u32::try_from(params["max_cap"].as_u64()?).ok()?,
        add: params["add"].as_f64()?,
        mult: params["mult"].as_f64()?,
        target_ms: params["target_ms"].as_f64()?,
        high_water: params["high_water"].as_f64()?,
        ..AimdConfig::default()
    })
}

fn signal(step: &Value) -> Option<Signal> {
    match (step["ev"].as_str()?, step["ok"].as_bool()) {
        ("ecn", _) => Some(Signal::Ecn),
        ("feedback", Some(false)) => Some(Signal::Failure),
        ("feedback", Some(true)) => Some(Signal::Success {
            latency_ms: step["latency_ms"].as_f64()?,
            target_ms: None,
        }),
        _ => None,
    }
}

#[test]
fn windows_grow_and_shrink_step_by_step() {
    super::run("aimd", |case| {
        let mut aimd = Aimd::new(config(&case["params"]).ok_or("bad parameters")?);
        let steps = case["steps"].as_array().ok_or("no steps")?;
        let wanted = case["expect"].as_array().ok_or("no expectation")?;
        for (at, (step, wanted)) in steps.iter().zip(wanted).enumerate() {
            let signal = signal(step).ok_or("bad step")?;
            let got = aimd.signal(Millis(at as u64 * 1_000), signal, 0.0).current;
            if Some(u64::from(got)) != wanted.as_u64() {
                return Err(format!("step {at}: got {got}, wanted {wanted}"));
            }
        }
        Ok(())
    });
}
