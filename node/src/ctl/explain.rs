//! `atpctl explain`: the decision of a request, readable.

use serde_json::Value;

use super::client::{As, escaped};
use super::screen::{dollars, or_dash, visible};
use super::{Failure, Operator, Screen};

/// The parts of a score, in the order of the formula.
const COMPONENTS: [&str; 7] = ["cap", "perf", "cost", "lat", "ctx", "pred", "safe"];

pub(super) async fn run(operator: &mut Operator, request: &str) -> Result<(), Failure> {
    let id = escaped(request);
    let client = &operator.client;
    // A client sees its tenant's requests, the operator everybody's.
    let explained: Value = match client.get(As::Admin, &format!("/v1/admin/explain/{id}")).await {
        Err(Failure::Refused {
            status: 401 | 403 | 404,
            ..
        }) => client.get(As::Caller, &format!("/v1/explain/{id}")).await?,
        found => found?,
    };
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&explained);
    }
    screen.line(&format!("request    {}", visible(request)))?;
    decision(screen, &explained["decision"])?;
    match &explained["audit"] {
        Value::Null => screen.line("outcome    still running"),
        audit => outcome(screen, audit, &explained["decision"]),
    }
}

fn decision(screen: &mut Screen, decision: &Value) -> Result<(), Failure> {
    let policy = &decision["policy"];
    screen.line(&format!(
        "policy     {} version {}: {}",
        word(&policy["id"]),
        policy["version"],
        word(&policy["why"])
    ))?;
    if let Some(keys) = list(&policy["keys"]) {
        screen.line(&format!("matched    {keys}"))?;
    }
    if let Some(relaxed) = list(&decision["relaxations"]) {
        screen.line(&format!("relaxed    {relaxed}"))?;
    }
    screen.line(&format!("reason     {}", word(&decision["route_reason"])))?;
    candidates(screen, decision)?;
    let refusal = &decision["refusal"];
    if !refusal.is_null() {
        screen.line(&format!(
            "refused    {}: {}",
            word(&refusal["code"]),
            word(&refusal["detail"])
        ))?;
    }
    plan(screen, &decision["plan"])
}

fn candidates(screen: &mut Screen, decision: &Value) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for candidate in decision["candidates"].as_array().into_iter().flatten() {
        let figure = |value: &Value| or_dash(value.as_f64().map(|figure| format!("{figure:.2}")));
        let mut row = vec![word(&candidate["id"]), figure(&candidate["score"])];
        row.extend(COMPONENTS.map(|name| figure(&candidate["u"][name])));
        row.push(or_dash(candidate["eff_usd_micros"].as_u64().map(dollars)));
        row.push(word(&candidate["tier"]));
        rows.push(row);
    }
    for (id, reason) in decision["filters"].as_object().into_iter().flatten() {
        let mut row = vec![visible(id), "out".to_owned()];
        row.resize(2 + COMPONENTS.len() + 1, "-".to_owned());
        row.push(word(reason));
        rows.push(row);
    }
    let mut header = vec!["candidate", "score"];
    header.extend(COMPONENTS);
    header.extend(["guarded cost", "tier or why not"]);
    let figures = &header[1..header.len() - 1];
    screen.table(&header, figures, rows)
}

fn plan(screen: &mut Screen, plan: &Value) -> Result<(), Failure> {
    if plan.is_null() {
        return Ok(());
    }
    let lanes: Vec<String> = plan["fanout"]
        .as_array()
        .into_iter()
        .flatten()
        .map(lane_name)
        .collect();
    screen.line(&format!("strategy   {}", word(&plan["strategy"])))?;
    screen.line(&format!("lanes      {}", lanes.join(", ")))?;
    for (title, member) in [
        ("fallbacks", "fallbacks"),
        ("escalation", "escalation"),
        ("unserved", "unserved"),
    ] {
        if let Some(ids) = list(&plan[member]) {
            screen.line(&format!("{title:<10} {ids}"))?;
        }
    }
    screen.line(&format!(
        "estimate   {} tokens, {}, deadline {} ms",
        plan["effective_tokens"],
        or_dash(plan["effective_usd_micros"].as_u64().map(dollars)),
        plan["deadline_ms"]
    ))
}

fn lane_name(lane: &Value) -> String {
    match lane["persona"].as_str() {
        Some(persona) => format!("{} as {}#{}", word(&lane["id"]), visible(persona), lane["clone"]),
        None => word(&lane["id"]),
    }
}

fn outcome(screen: &mut Screen, audit: &Value, decision: &Value) -> Result<(), Failure> {
    let how = match audit["failure"].as_str() {
        Some(code) => format!("failed with {code}"),
        None => format!("answered, decided by {}", reason(&audit["reason"])),
    };
    screen.line(&format!(
        "outcome    {how}, {} ms, {}",
        audit["elapsed_ms"],
        or_dash(audit["usd_micros"].as_u64().map(dollars))
    ))?;
    if let Some(agreement) = audit["agreement"].as_f64() {
        screen.line(&format!("agreement  {agreement:.2} ({})", reason(&audit["mode"])))?;
    }
    let targets = decision["plan"]["fanout"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let ms = |value: &Value| or_dash(value.as_u64());
    let rows = audit["lanes"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(at, lane)| {
            let id = &lane["lane"];
            let name = match targets.get(at) {
                Some(target) => lane_name(target),
                None => format!("{}#{}", word(&id["persona"]), id["clone"]),
            };
            let usage = &lane["usage"];
            vec![
                name,
                word(&lane["state"]),
                or_dash(lane["fault"].as_str()),
                lane["attempts"].to_string(),
                ms(&lane["dispatched_ms"]),
                ms(&lane["first_chunk_ms"]),
                ms(&lane["ended_ms"]),
                ms(&usage["in_tokens"]),
                ms(&usage["out_tokens"]),
                or_dash(usage["usd_micros"].as_u64().map(dollars)),
            ]
        })
        .collect();
    let header = [
        "lane", "outcome", "why", "calls", "sent ms", "first ms", "end ms", "in", "out", "cost",
    ];
    screen.table(&header, &header[3..], rows)
}

/// A word, or a structure written compactly.
fn reason(value: &Value) -> String {
    visible(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn word(value: &Value) -> String {
    or_dash(value.as_str().map(visible))
}

/// Items of an array, where there are any.
fn list(value: &Value) -> Option<String> {
    let items: Vec<String> = value.as_array()?.iter().map(reason).collect();
    (!items.is_empty()).then(|| items.join(", "))
}
