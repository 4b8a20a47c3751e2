//! Handshake negotiation (atp.md 8.2).

use std::collections::BTreeMap;

use atp_protocol::hello::{Hello, Offer, Role, negotiate};
use atp_protocol::limits::Limits;
use atp_protocol::units::Tier;
use atp_protocol::value::Value as Tree;
use serde_json::{Value, json};

use super::{equal, text};

/// The strings of a list; `default` where there is none.
fn list(value: &Value, default: &[&str]) -> Vec<String> {
    match value.as_array() {
        Some(array) => array.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => default.iter().map(|&name| name.to_owned()).collect(),
    }
}

/// Cases say only what they are about; the rest is what both sides have.
fn offer(server: &Value) -> Offer {
    let features: BTreeMap<String, bool> = match server["features"].as_object() {
        Some(map) => map.iter().map(|(name, has)| (name.clone(), *has == true)).collect(),
        None => list(&server["features"], &[]).into_iter().map(|name| (name, true)).collect(),
    };
    Offer {
        version: server["version"].as_str().unwrap_or("1.0").to_owned(),
        encodings: list(&server["encodings"], &["json"]),
        compressions: list(&server["compressions"], &[]),
        features,
        qos_allowed: list(&server["qos"], &["silver"]).iter().filter_map(|name| Tier::parse(name)).collect(),
        roles: vec![Role::Client, Role::Agent],
        limits: Limits::DEFAULT,
    }
}

fn hello(client: &Value) -> Result<Hello, String> {
    let mut client = client.clone();
    if client["encodings"].is_null() {
        client["encodings"] = json!(["json"]);
    }
    Tree::from(client).read().map_err(|error| error.to_string())
}

#[test]
fn terms_and_refusals() {
    super::run("negotiation", |case| {
        text(case, "op")?;
        let agreed = negotiate(&hello(&case["client"])?, &offer(&case["server"]));
        equal(&agreed.is_ok().to_string(), &case["ok"].to_string())?;
        let Ok(agreed) = agreed else { return Ok(()) };
        let got = json!({
            "version": agreed.version,
            "encoding": agreed.encoding,
            "compression": agreed.compression,
            "features": agreed.features,
            "qos": agreed.qos,
        });
        for (name, wanted) in case["agreed"].as_object().ok_or("no terms")? {
            equal(&got[name].to_string(), &wanted.to_string()).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    });
}
