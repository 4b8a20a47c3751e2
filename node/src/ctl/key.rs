//! `atpctl key create`

use http::Method;
use serde_json::{Value, json};

use super::client::As;
use super::{Failure, Operator};

pub(super) async fn create(
    operator: &mut Operator,
    account: String,
    label: String,
    may_declare_agents: bool,
) -> Result<(), Failure> {
    let wanted = json!({ "account": account, "label": label, "may_declare_agents": may_declare_agents });
    let made: Value = operator
        .client
        .call(As::Admin, Method::POST, "/v1/admin/api-keys", Some(&wanted))
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
