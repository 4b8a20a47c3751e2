//! `atpctl status`

use http::Method;
use serde_json::{Value, json};

use super::client::As;
use super::{Failure, Operator};

pub(super) async fn run(operator: &mut Operator) -> Result<(), Failure> {
    let client = &operator.client;
    let (status, _, body) = client.whole(As::Nobody, Method::GET, "/readyz", None).await?;
    let readiness: Value = serde_json::from_slice(&body)
        .map_err(|_| Failure::Unexpected(format!("/readyz answered {status}")))?;
    let capabilities: Value = client
        .get(As::Caller, "/v1/capabilities")
        .await
        .unwrap_or(Value::Null);
    let cluster: Value = match client.has_key(As::Admin) {
        true => client
            .get(As::Admin, "/v1/admin/cluster")
            .await
            .unwrap_or(Value::Null),
        false => Value::Null,
    };
    let is_ready = readiness["ready"] == true;
    let url = client.url().to_string();
    let screen = &mut operator.screen;
    if screen.is_json {
        screen.json(&json!({
            "url": url, "ready": is_ready, "checks": readiness["checks"],
            "capabilities": capabilities, "cluster": cluster,
        }))?;
    } else {
        screen.line(&format!(
            "{url} is {}",
            if is_ready { "ready" } else { "not ready" }
        ))?;
        for (name, value) in readiness["checks"].as_object().into_iter().flatten() {
            let mark = if *value == true { "ok" } else { "FAILS" };
            screen.line(&format!("  {name:<14} {mark}"))?;
        }
        for (title, value) in [("capabilities", &capabilities), ("cluster", &cluster)] {
            show(screen, title, value)?;
        }
    }
    match is_ready {
        true => Ok(()),
        false => Err(Failure::Verdict(
            "the node is not ready; `atpctl doctor` says what to do".to_owned(),
        )),
    }
}

/// One line a member; members grow with releases.
fn show(screen: &mut super::Screen, title: &str, value: &Value) -> Result<(), Failure> {
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    screen.line(title)?;
    for (name, value) in members {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        screen.line(&format!("  {name:<14} {}", super::screen::visible(&text)))?;
    }
    Ok(())
}
