//! Our cluster: a write through the HTTP API, and who leads.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;

use crate::client::{Call, Connection};

/// The write that is measured, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Write {
    /// Method of the write
    #[arg(long, default_value = "PUT")]
    method: Method,
    /// Path of the write; `{client}`, `{n}` and `{slot}` (n modulo 16) are filled in
    #[arg(long, default_value = "/v1/admin/accounts/bench-{client}-{slot}")]
    path: String,
    /// Body of the write, filled in likewise
    #[arg(long, default_value = r#"{"limit_usd_micros": {n}}"#)]
    body: String,
    /// Headers of the write beside the key, as `name: value`
    #[arg(long)]
    header: Vec<String>,
    /// The operator's key
    #[arg(long, env = "ATP_ADMIN_KEY", hide_env_values = true, default_value = "")]
    admin_key: String,
    /// The group whose leader is killed
    #[arg(long, default_value = "meta")]
    group: String,
}

impl Write {
    /// A request to the member at `url`, with key and headers.
    pub(super) async fn call(&self, url: &str) -> Result<Call> {
        let key = format!("Bearer {}", self.admin_key);
        let mut call = Call::post(url, "/", "").await?.header("authorization", &key)?;
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("`{header}` is not `name: value`"))?;
            call = call.header(name.trim(), value.trim())?;
        }
        Ok(call)
    }

    /// The `n`th write of `client`, to the server of `call`.
    pub(super) fn nth(&self, call: &Call, client: usize, n: u64) -> Result<Call> {
        let fill = |text: &str| {
            text.replace("{client}", &client.to_string())
                .replace("{slot}", &(n % 16).to_string())
                .replace("{n}", &n.to_string())
        };
        call.to(self.method.clone(), &fill(&self.path), fill(&self.body))
    }

    /// The node number of the leader of the group, as the member of `call` knows it.
    pub(super) async fn leader(&self, call: &Call) -> Result<u64> {
        let call = call.to(Method::GET, "/v1/admin/cluster", "")?;
        let body = Connection::new(call, None)
            .exchange()
            .await
            .map_err(|failure| anyhow::anyhow!("/v1/admin/cluster: {failure}"))?;
        leader(&serde_json::from_slice(&body)?, &self.group)
    }
}

/// Finds `group` by its `group` in the answer of `/v1/admin/cluster`.
fn leader(cluster: &Value, group: &str) -> Result<u64> {
    let groups = cluster["groups"].as_array().context("no `groups`")?;
    let found = groups.iter().find(|row| row["group"] == group);
    let row = found.with_context(|| format!("no group `{group}` in {cluster}"))?;
    let leader = row["leader"].as_u64().unwrap_or(0);
    ensure!(leader > 0, "`{group}` has no leader");
    Ok(leader)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_without_a_leader_is_an_error() {
        let cluster =
            json!({ "groups": [{ "group": "meta", "leader": 2 }, { "group": "J0", "leader": null }] });
        assert_eq!(leader(&cluster, "meta").unwrap(), 2);
        assert!(leader(&cluster, "J0").is_err());
        assert!(leader(&cluster, "J1").is_err());
    }
}
