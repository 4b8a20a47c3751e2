//! `atpctl key`

use std::time::{Duration, SystemTime};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::args::Key;
use super::client::{As, escaped};
use super::screen::or_dash;
use super::{Failure, Operator};

const PATH: &str = "/v1/admin/api-keys";

/// A key as the node shows it.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    key_id: Option<String>,
    label: String,
    tenant: String,
    account: String,
    may_declare_agents: bool,
    made_at_ms: Option<u64>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

pub(super) async fn run(operator: &mut Operator, args: Key) -> Result<(), Failure> {
    match args {
        Key::Create {
            account,
            label,
            may_declare_agents,
        } => create(operator, account, label, may_declare_agents).await,
        Key::List => list(operator).await,
        Key::Revoke { id } => revoke(operator, &id).await,
    }
}

async fn create(
    operator: &mut Operator,
    account: String,
    label: String,
    may_declare_agents: bool,
) -> Result<(), Failure> {
    let wanted = json!({ "account": account, "label": label, "may_declare_agents": may_declare_agents });
    let made: Value = operator
        .client
        .call(As::Admin, Method::POST, PATH, Some(&wanted))
        .await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&made);
    }
    let text = |member: &str| made[member].as_str().unwrap_or_default();
    screen.aside(&format!(
        "key {} spends from {account}; it is shown this once",
        text("key_id")
    ))?;
    screen.line(text("key"))
}

async fn list(operator: &mut Operator) -> Result<(), Failure> {
    let keys: Vec<Shown> = operator.client.get(As::Admin, PATH).await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&keys);
    }
    let row = |key: Shown| {
        let agents = if key.may_declare_agents { "yes" } else { "no" };
        let made = key.made_at_ms.map(date);
        vec![
            key.key_id.unwrap_or_else(|| "(configured)".to_owned()),
            key.tenant,
            key.account,
            agents.to_owned(),
            or_dash(made),
            key.label,
        ]
    };
    let header = ["key", "tenant", "account", "agents", "made", "label"];
    screen.table(&header, &[], keys.into_iter().map(row).collect())
}

async fn revoke(operator: &mut Operator, id: &str) -> Result<(), Failure> {
    let path = format!("{PATH}/{}", escaped(id));
    let revoked: Shown = operator
        .client
        .call(As::Admin, Method::DELETE, &path, None)
        .await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&revoked);
    }
    screen.line(&format!("key {id} of {} opens nothing any more", revoked.account))
}

/// A time as people read it; one too far off to be a date is shown as it is.
fn date(unix_ms: u64) -> String {
    /// The last second of the year 9999, the last that has such a form.
    const LAST_S: u64 = 253_402_300_799;
    match unix_ms / 1_000 {
        seconds @ ..=LAST_S => httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        _ => unix_ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_and_no_time_breaks_it() {
        assert_eq!(date(1_795_285_560_123), "Sat, 21 Nov 2026 18:26:00 GMT");
        assert_eq!(date(u64::MAX), u64::MAX.to_string());
    }
}
