//! `atpctl cluster status|members|add|remove|drain|transfer|balance|snapshot`: operates a cluster through any of its members.

use atp_protocol::cluster::NodeId;
use http::Method;
use serde_json::{Value, json};

use super::args::Cluster;
use super::client::As;
use super::{Failure, Operator, Screen};

const CLUSTER: &str = "/v1/admin/cluster";

pub(super) async fn run(operator: &mut Operator, command: Cluster) -> Result<(), Failure> {
    match command {
        Cluster::Init { .. } | Cluster::Join(_) => unreachable!("answered without a node"),
        Cluster::Status => {
            let cluster = ask(operator, Method::GET, "", None).await?;
            show(&mut operator.screen, &cluster, true)
        }
        Cluster::Members => {
            let cluster = ask(operator, Method::GET, "", None).await?;
            show(&mut operator.screen, &cluster, false)
        }
        Cluster::Add { node, address, name } => {
            let mut body = json!({ "link": address.to_string() });
            if let Some(name) = name {
                body["name"] = name.into();
            }
            change(operator, Method::PUT, &member(node), Some(body)).await
        }
        Cluster::Remove { node } => change(operator, Method::DELETE, &member(node), None).await,
        Cluster::Drain { node, undo } => {
            let path = format!("{}/drain", member(node));
            change(operator, Method::PUT, &path, Some(json!({ "draining": !undo }))).await
        }
        Cluster::Transfer { group, node } => {
            let body = json!({ "group": group.to_string(), "to": node });
            let done = ask(operator, Method::POST, "/transfer", Some(body)).await?;
            report(
                &mut operator.screen,
                &done,
                &[format!("node {node} leads {group}")],
            )
        }
        Cluster::Balance => {
            let done = ask(operator, Method::POST, "/balance", None).await?;
            balanced(&mut operator.screen, &done)
        }
        Cluster::Snapshot { group } => {
            let body = match group {
                Some(group) => json!({ "group": group.to_string() }),
                None => json!({}),
            };
            let done = ask(operator, Method::POST, "/snapshot", Some(body)).await?;
            let lines: Vec<String> = rows(&done["snapshots"])
                .map(|taken| {
                    let group = text(&taken["group"]);
                    format!("{group} at node {} up to {}", taken["node"], taken["index"])
                })
                .collect();
            report(&mut operator.screen, &done, &lines)
        }
    }
}

fn member(node: NodeId) -> String {
    format!("/members/{node}")
}

async fn ask(operator: &Operator, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
    let path = format!("{CLUSTER}{path}");
    operator
        .client
        .call(As::Admin, method, &path, body.as_ref())
        .await
}

/// Changes who is a member, and shows who is.
async fn change(
    operator: &mut Operator,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<(), Failure> {
    let cluster = ask(operator, method, path, body).await?;
    show(&mut operator.screen, &cluster, false)
}

fn report(screen: &mut Screen, done: &Value, lines: &[String]) -> Result<(), Failure> {
    if screen.is_json {
        return screen.json(done);
    }
    lines
        .iter()
        .try_for_each(|line| screen.line(&super::screen::visible(line)))
}

fn balanced(screen: &mut Screen, done: &Value) -> Result<(), Failure> {
    let mut lines: Vec<String> = rows(&done["moves"])
        .map(|moved| {
            let line = format!(
                "{} from {} to {}",
                text(&moved["group"]),
                moved["from"],
                moved["to"]
            );
            match &moved["trouble"] {
                Value::Null => line,
                trouble => format!("{line} FAILED: {}", text(trouble)),
            }
        })
        .collect();
    if lines.is_empty() {
        lines.push("leaders are spread already".to_owned());
    }
    report(screen, done, &lines)?;
    let failed = rows(&done["moves"])
        .filter(|moved| !moved["trouble"].is_null())
        .count();
    match failed {
        0 => Ok(()),
        count => Err(Failure::Verdict(format!(
            "{count} hand-overs failed; balance again"
        ))),
    }
}

fn show(screen: &mut Screen, cluster: &Value, with_groups: bool) -> Result<(), Failure> {
    if screen.is_json {
        return screen.json(if with_groups { cluster } else { &cluster["members"] });
    }
    if with_groups {
        screen.line(&format!(
            "cluster {}, version {}, seen by node {}",
            text(&cluster["cluster"]),
            cluster["cluster_version"],
            cluster["node"]
        ))?;
    }
    let members = rows(&cluster["members"]).map(|member| {
        let standing = &member["standing"];
        vec![
            member["node"].to_string(),
            text(&member["name"]),
            state(member).to_owned(),
            or_dash(&standing["version"]),
            member["reads"].to_string(),
            member["leads"].to_string(),
            or_dash(&standing["policy_version"]),
            or_dash(&standing["streams"]),
            or_dash(&standing["certificate_days_left"]),
            text(&member["link"]),
            text(&member["api"]),
        ]
    });
    let header = [
        "NODE", "NAME", "STATE", "RELEASE", "READS", "LEADS", "POLICY", "STREAMS", "DAYS", "LINK", "API",
    ];
    screen.table(
        &header,
        &["READS", "LEADS", "POLICY", "STREAMS", "DAYS"],
        members.collect(),
    )?;
    if !with_groups {
        return Ok(());
    }
    let groups = rows(&cluster["groups"]).map(|group| {
        let voters = rows(&group["members"]).filter(|member| member["voter"] == true);
        let voters: Vec<String> = voters.map(|member| member["node"].to_string()).collect();
        vec![
            text(&group["group"]),
            or_dash(&group["leader"]),
            group["term"].to_string(),
            group["applied_index"].to_string(),
            group["snapshot"].to_string(),
            voters.join(" "),
            or_dash(&group["fault"]),
        ]
    });
    let header = [
        "GROUP", "LEADER", "TERM", "APPLIED", "SNAPSHOT", "VOTERS", "FAULT",
    ];
    screen.table(&header, &["TERM", "APPLIED", "SNAPSHOT"], groups.collect())
}

/// In one word, the worst first.
fn state(member: &Value) -> &'static str {
    let standing = &member["standing"];
    match () {
        () if standing.is_null() => "dead",
        () if member["draining"] == true || standing["draining"] == true => "draining",
        () if standing["ready"] == true => "ready",
        () => "not ready",
    }
}

pub(super) fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// As a person reads it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn or_dash(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        value => text(value),
    }
}
