//! `atpctl routes`

use serde_json::Value;

use super::client::As;
use super::screen::{dollars, or_dash};
use super::{Failure, Operator};

pub(super) async fn run(operator: &mut Operator) -> Result<(), Failure> {
    let table: Value = operator.client.get(As::Admin, "/v1/admin/routes").await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&table);
    }
    let words = |value: &Value| {
        let words: Vec<&str> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if words.is_empty() {
            "-".to_owned()
        } else {
            words.join(" ")
        }
    };
    let word = |value: &Value| or_dash(value.as_str());
    let rows = table["candidates"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|candidate| {
            let price = |member| candidate["price"][member].as_u64().map(dollars);
            vec![
                word(&candidate["id"]),
                word(&candidate["adapter"]),
                word(&candidate["model"]),
                words(&candidate["personas"]),
                words(&candidate["capabilities"]),
                word(&candidate["region"]),
                or_dash(price("input")),
                or_dash(price("output")),
            ]
        })
        .collect();
    screen.table(
        &[
            "candidate",
            "adapter",
            "model",
            "personas",
            "capabilities",
            "region",
            "in /M",
            "out /M",
        ],
        &["in /M", "out /M"],
        rows,
    )?;
    for left_out in table["unroutable"].as_array().into_iter().flatten() {
        let (id, reason) = (word(&left_out["id"]), word(&left_out["reason"]));
        screen.line(&format!("no candidate of {id}: {reason}"))?;
    }
    screen.line(&format!(
        "policy version {}, table {}",
        table["policy_version"],
        word(&table["fib_hash"])
    ))
}
