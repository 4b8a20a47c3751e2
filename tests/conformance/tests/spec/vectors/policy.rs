//! `policy.json`.

use atp_routing::plan::{Expected, Signals, challenger, trigger};
use atp_routing::policy::{Thresholds, Trigger};
use atp_routing::reconcile::{Demand, choose};
use serde_json::{Value, json};

#[test]
fn escalation_challenger_and_strategy_follow_their_rules() {
    super::run("policy", |case| match case["op"].as_str() {
        Some("escalate") => escalate(case),
        Some("challenger") => challenge(case),
        Some("strategy") => strategy(case),
        other => Err(format!("no op {other:?}")),
    });
}

fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found} is not {expected}"))
}

fn number(value: &Value, key: &str) -> Result<f64, String> {
    value[key].as_f64().ok_or(format!("no number `{key}`"))
}

fn flag(value: &Value, key: &str) -> Result<bool, String> {
    value[key].as_bool().ok_or(format!("no flag `{key}`"))
}

fn escalate(case: &Value) -> Result<(), String> {
    let signals = Signals {
        confidence: case["confidence"].as_f64(),
        is_disputed: flag(case, "disagreement")?,
        ..Signals::default()
    };
    let mut on = vec![Trigger::LowConf];
    if flag(case, "escalate_on_disagreement")? {
        on.push(Trigger::Disagreement);
    }
    let thresholds = Thresholds {
        low_conf: number(case, "low_conf_threshold")?,
        ..Thresholds::default()
    };
    let fired = trigger(&signals, &on, &thresholds, 2_000);
    same(&json!(fired.is_some()), &case["escalate"])?;
    same(&json!(fired.map(Trigger::as_str)), &case["reason"])
}

fn expected(value: &Value) -> Result<Expected, String> {
    Ok(Expected {
        cost: number(value, "cost")?,
        quality: number(value, "quality")?,
    })
}

fn challenge(case: &Value) -> Result<(), String> {
    let pool = case["pool"].as_array().ok_or("no pool")?;
    let others: Vec<Expected> = pool.iter().map(expected).collect::<Result<_, _>>()?;
    let found = challenger(expected(&case["primary"])?, &others);
    same(&json!(found.map(|at| &pool[at]["name"])), &case["expect"])
}

fn strategy(case: &Value) -> Result<(), String> {
    let personas = case["persona_count"].as_u64().ok_or("no persona_count")?;
    let chosen = choose(&Demand {
        time_pressure: flag(case, "time_pressure")?,
        quality: number(case, "quality_requirement")?,
        cost_sensitivity: number(case, "cost_sensitivity")?,
        personas: usize::try_from(personas).map_err(|error| error.to_string())?,
    });
    same(&json!(chosen.as_str()), &case["expect"])
}
