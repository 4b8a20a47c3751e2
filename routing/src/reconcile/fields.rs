//! Structured answers merged field by field (atp.md section 20, "per-field weighted majority").

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The value with the most weight behind it; the earlier on ties.
fn majority<'v>(votes: &[(f64, &'v Value)]) -> Option<&'v Value> {
    let mut best: Option<(f64, &Value)> = None;
    for (at, (_, value)) in votes.iter().enumerate() {
        let is_counted = votes[..at].iter().any(|(_, earlier)| earlier == value);
        if is_counted {
            continue;
        }
        let weight: f64 = votes
            .iter()
            .filter(|(_, other)| other == value)
            .map(|(weight, _)| weight)
            .sum();
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, value));
        }
    }
    best.map(|(_, value)| value)
}

/// Merges `data` of several lanes. Objects field by field, a field's absence being no vote; anything else as a whole.
pub(super) fn merge(votes: &[(f64, &Value)]) -> Option<Value> {
    let objects: Option<Vec<(f64, &Map<String, Value>)>> = votes
        .iter()
        .map(|(weight, value)| value.as_object().map(|object| (*weight, object)))
        .collect();
    let Some(objects) = objects else {
        return majority(votes).cloned();
    };
    if objects.is_empty() {
        return None;
    }
    let names: BTreeSet<&String> = objects.iter().flat_map(|(_, object)| object.keys()).collect();
    let merged = names
        .into_iter()
        .filter_map(|name| {
            let votes: Vec<(f64, &Value)> = objects
                .iter()
                .filter_map(|(weight, object)| object.get(name).map(|value| (*weight, value)))
                .collect();
            majority(&votes).map(|value| (name.clone(), value.clone()))
        })
        .collect();
    Some(Value::Object(merged))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_is_decided_by_weight() {
        let (a, b, c) = (
            json!({"x": 1, "y": "p"}),
            json!({"x": 2, "y": "q"}),
            json!({"x": 2, "z": true}),
        );
        assert_eq!(
            merge(&[(1.0, &a), (0.6, &b), (0.6, &c)]),
            Some(json!({"x": 2, "y": "p", "z": true}))
        );
        assert_eq!(merge(&[(1.0, &json!(3)), (1.0, &a)]), Some(json!(3)));
        assert_eq!(merge(&[]), None);
    }
}
