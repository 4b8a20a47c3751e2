//! What is said when an answer is over: findings, cost, and why it was routed so.

use serde_json::Value;

use crate::ctl::screen::{dollars, or_dash, visible};
use crate::ctl::{Failure, Screen};

/// Longest claim in the table, in characters.
const CLAIM_CHARS: usize = 72;

pub(super) fn write(screen: &mut Screen, plan: &Value, last: &Value) -> Result<(), Failure> {
    findings(screen, last)?;
    if last["text"].as_str().is_none_or(str::is_empty) {
        for member in ["data", "parts"] {
            if !last[member].is_null() {
                let text = serde_json::to_string_pretty(&last[member]).expect("a value is JSON");
                screen.line(&visible(&text))?;
            }
        }
    }
    for line in lines(plan, last) {
        screen.aside(&line)?;
    }
    Ok(())
}

fn findings(screen: &mut Screen, last: &Value) -> Result<(), Failure> {
    let findings = last["findings"].as_array().map_or(&[][..], Vec::as_slice);
    if findings.is_empty() {
        return Ok(());
    }
    let lanes = last["consensus"]["lanes_used"].as_u64().unwrap_or(1).max(1);
    let rows = findings.iter().map(|finding| row(finding, lanes)).collect();
    screen.table(
        &["severity", "file", "lines", "agreement", "confidence", "finding"],
        &["agreement", "confidence"],
        rows,
    )
}

fn row(finding: &Value, lanes: u64) -> Vec<String> {
    let severity = match finding["critical"] == true {
        true => "critical",
        false => finding["severity"].as_str().unwrap_or("-"),
    };
    let claim = finding["claim"].as_str().unwrap_or_default();
    let mut shown: String = claim.chars().take(CLAIM_CHARS).collect();
    if shown.len() < claim.len() {
        shown.push('…');
    }
    vec![
        severity.to_owned(),
        or_dash(finding["file"].as_str()),
        or_dash(finding["span"].as_str()),
        format!("{}/{lanes}", reporters(finding).min(lanes)),
        or_dash(
            finding["confidence"]
                .as_f64()
                .map(|confidence| format!("{confidence:.2}")),
        ),
        shown,
    ]
}

/// Lanes that reported a finding: provenance names them as `agent#seq`.
fn reporters(finding: &Value) -> u64 {
    let mut names: Vec<&str> = finding["provenance"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|source| source.as_str())
        .map(|source| source.rsplit_once('#').map_or(source, |(agent, _)| agent))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len().max(1) as u64
}

fn lines(plan: &Value, last: &Value) -> Vec<String> {
    let consensus = &last["consensus"];
    let mut lines = Vec::new();
    if let Some(strategy) = consensus["strategy"].as_str() {
        let agreement = consensus["agreement"]
            .as_f64()
            .map_or_else(String::new, |figure| {
                // Adding zero takes the sign off a negative one.
                format!(", agreement {:.2} ({})", figure + 0.0, word(&consensus["mode"]))
            });
        lines.push(format!(
            "lanes      {} used, {} failed, {strategy}{agreement}",
            consensus["lanes_used"], consensus["lanes_failed"]
        ));
        for doubt in consensus["uncertainties"].as_array().into_iter().flatten() {
            lines.push(format!("uncertain  {}", word(doubt)));
        }
    }
    let micros = last["cost_usd_micros"].as_u64();
    let cost = match (micros, last["cost_usd"].as_f64()) {
        (Some(micros), _) => dollars(micros),
        (None, Some(usd)) => format!("${usd:.6}"),
        (None, None) => "-".to_owned(),
    };
    lines.push(format!(
        "cost       {cost}, {} tokens in, {} out ({})",
        last["tokens_in"],
        last["tokens_out"],
        word(&last["usage_source"])
    ));
    if let Some(ms) = last["latency_ms"].as_u64() {
        lines.push(format!("took       {ms} ms, by {}", word(&last["model_used"])));
    }
    lines.push(format!("route      {}", word(&plan["reason"])));
    lines.push(format!("explain    atpctl explain {}", word(&plan["request_id"])));
    lines
}

fn word(value: &Value) -> String {
    visible(value.as_str().unwrap_or("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn agreement_is_the_share_of_lanes_that_reported_a_finding() {
        let finding = json!({
            "severity": "high", "critical": true, "file": "a.py", "span": "3-4", "confidence": 0.9,
            "claim": "x".repeat(100), "provenance": ["reviewer.local#1", "reviewer.local#2", "gpt#1"],
        });
        let row = row(&finding, 3);
        assert_eq!(row[..5], ["critical", "a.py", "3-4", "2/3", "0.90"]);
        assert_eq!(row[5].chars().count(), CLAIM_CHARS + 1);
    }
}
