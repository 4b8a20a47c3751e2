//! `atpctl config list|get|set|unset`: configuration keys of the whole cluster.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::args::Config;
use super::client::{As, escaped};
use super::everywhere::{self, Without};
use super::members::{rows, text};
use super::{Failure, Operator, Screen};

const PATH: &str = "/v1/admin/settings";

pub(super) async fn run(operator: &mut Operator, command: Config) -> Result<(), Failure> {
    match command {
        Config::List => {
            let settings: Value = operator.client.get(As::Admin, PATH).await?;
            match operator.screen.is_json {
                true => operator.screen.json(&settings),
                false => table(&mut operator.screen, rows(&settings["settings"])),
            }
        }
        Config::Get { name } => {
            let setting: Value = operator.client.get(As::Admin, &path(&name)).await?;
            match operator.screen.is_json {
                true => operator.screen.json(&setting),
                false => table(&mut operator.screen, [&setting].into_iter()),
            }
        }
        Config::Set { name, value, wait } => {
            let body = Some(json!({ "value": value }));
            change(operator, Method::PUT, &name, body, wait).await
        }
        Config::Unset { name, wait } => change(operator, Method::DELETE, &name, None, wait).await,
    }
}

fn path(name: &str) -> String {
    format!("{PATH}/{}", escaped(name))
}

/// Changes a key. With `wait`, in seconds, it is in force everywhere afterwards.
async fn change(
    operator: &mut Operator,
    method: Method,
    name: &str,
    body: Option<Value>,
    wait: Option<u64>,
) -> Result<(), Failure> {
    let path = path(name);
    let changed = operator.client.call(As::Admin, method, &path, body.as_ref());
    let mut changed: Value = changed.await?;
    let without = match (wait, changed["version"].as_u64()) {
        (Some(seconds), Some(version)) => {
            let patience = Duration::from_secs(seconds);
            everywhere::wait(operator, "settings_version", version, patience).await?
        }
        _ => Without::default(),
    };
    if wait.is_some() {
        without.show_in(&mut changed);
    }
    let screen = &mut operator.screen;
    match screen.is_json {
        true => screen.json(&changed)?,
        false => table(screen, [&changed].into_iter())?,
    }
    without.verdict(screen)
}

fn table<'a>(screen: &mut Screen, settings: impl Iterator<Item = &'a Value>) -> Result<(), Failure> {
    let row = |setting: &Value| {
        let members = ["name", "value", "source", "configured"];
        members.map(|member| text(&setting[member])).to_vec()
    };
    screen.table(
        &["NAME", "VALUE", "SOURCE", "CONFIGURED"],
        &[],
        settings.map(row).collect(),
    )
}
