//! `atpctl doctor`: looks for what is wrong, and says what to do about it.

mod cluster;

use atp_protocol::units::UnixMillis;
use atp_routing::policy::Severity;
use http::header::DATE;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Value, json};

use super::adapters::Adapter;
use super::args;
use super::client::As;
use super::{Client, Failure, Operator, policy};

/// How far clocks may be apart, in milliseconds: `Date` has whole seconds, and the way there takes its time.
const CLOCK_MS: u64 = 3_000;

/// Descriptors below which a node with default limits runs out.
const DESCRIPTORS: u64 = 4_096;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failed,
    /// What it needs is missing.
    Skipped,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Ok, detail, None)
    }

    fn bad(check: &'static str, state: State, detail: impl Into<String>, remedy: &str) -> Self {
        Self::new(check, state, detail, Some(remedy.to_owned()))
    }

    fn new(check: &'static str, state: State, detail: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            check,
            state,
            detail: detail.into(),
            remedy,
        }
    }
}

pub(super) async fn run(operator: &mut Operator, args: args::Doctor) -> Result<(), Failure> {
    let mut checks = vec![descriptors()];
    if let Some(file) = &args.policy {
        checks.push(document(&policy::read(file)?));
    }
    let client = &operator.client;
    match client.whole(As::Nobody, Method::GET, "/readyz", None).await {
        Ok((_, headers, body)) => {
            checks.push(Check::ok("reachable", client.url().to_string()));
            checks.push(clock(&headers, operator.clock.unix()));
            checks.extend(readiness(&body));
            checks.push(version(client).await);
            checks.extend(keys(client).await);
            checks.push(adapters(client).await);
            checks.push(in_force(client).await);
            checks.extend(between_members(client).await);
        }
        Err(failure) => {
            let remedy = failure.hint().unwrap_or("check the URL");
            checks.push(Check::bad(
                "reachable",
                State::Failed,
                failure.to_string(),
                remedy,
            ));
        }
    }
    report(operator, &checks)
}

fn report(operator: &mut Operator, checks: &[Check]) -> Result<(), Failure> {
    let failed = checks.iter().filter(|check| check.state == State::Failed).count();
    let screen = &mut operator.screen;
    if screen.is_json {
        screen.json(&json!({ "ok": failed == 0, "checks": checks }))?;
    } else {
        for check in checks {
            let mark = match check.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "FAILED",
                State::Skipped => "skipped",
            };
            let detail = super::screen::visible(&check.detail);
            screen.line(&format!("{mark:<8} {:<12} {detail}", check.check))?;
            if let Some(remedy) = &check.remedy {
                screen.line(&format!("{:<21} -> {remedy}", ""))?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        count => Err(Failure::Verdict(format!("{count} checks failed"))),
    }
}

fn clock(headers: &HeaderMap, now: UnixMillis) -> Check {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Check::new("clock", State::Skipped, "the node does not tell the time", None);
    };
    let theirs = theirs
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let apart = theirs.abs_diff(now.0);
    let detail = format!("{:.1} s apart from this machine's", apart as f64 / 1e3);
    match apart <= CLOCK_MS {
        true => Check::ok("clock", detail),
        false => Check::bad(
            "clock",
            State::Warning,
            detail,
            "set both clocks by NTP; signatures and anti-replay depend on them",
        ),
    }
}

fn readiness(body: &[u8]) -> Vec<Check> {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let rows = [
        (
            "store",
            "journal",
            "free space on the disk of node.data_dir, check its owner, then restart the node",
        ),
        (
            "member",
            "member",
            "the node was removed from its cluster; stop it, and give the machine another number",
        ),
        (
            "policy",
            "policy set",
            "apply a valid document with `atpctl policy apply`",
        ),
        (
            "adapters",
            "routable",
            "name built-ins or providers in the configuration; `atpctl adapters` says why each is not routable",
        ),
        (
            "not_draining",
            "accepting",
            "the node is stopping; use another or start it again",
        ),
    ];
    rows.into_iter()
        .map(|(member, check, remedy)| match &body["checks"][member] {
            Value::Bool(true) => Check::ok(check, ""),
            Value::Bool(false) => Check::bad(
                check,
                State::Failed,
                "the node is not ready for lack of it",
                remedy,
            ),
            _ => Check::bad(
                check,
                State::Failed,
                "/readyz does not say",
                "check that the URL is a node's",
            ),
        })
        .collect()
}

async fn version(client: &Client) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let capabilities: Result<Value, Failure> = client.get(As::Caller, "/v1/capabilities").await;
    let theirs = capabilities
        .ok()
        .and_then(|said| said["software_version"].as_str().map(str::to_owned));
    match theirs {
        None => Check::new(
            "version",
            State::Skipped,
            format!("the node does not tell; this is {ours}"),
            None,
        ),
        Some(theirs) if theirs == ours => Check::ok("version", theirs),
        Some(theirs) => Check::bad(
            "version",
            State::Warning,
            format!("the node is {theirs}, this is {ours}"),
            "use the atpctl of the node's release",
        ),
    }
}

async fn keys(client: &Client) -> [Check; 2] {
    let caller: Result<Value, Failure> = client.get(As::Caller, "/v1/models").await;
    let admin: Result<Value, Failure> = client.get(As::Admin, "/v1/admin/accounts").await;
    let check = |check, result: Result<Value, Failure>, has_key: bool, remedy: &str| match result {
        Ok(_) => Check::ok(check, "accepted"),
        Err(_) if !has_key => Check::bad(check, State::Skipped, "none given", remedy),
        Err(failure) => Check::bad(check, State::Failed, failure.to_string(), remedy),
    };
    let make = "set ATP_KEY to a key of this node; `atpctl key create ACCOUNT` makes one";
    let operate = "set ATP_ADMIN_KEY to the key that auth.admin_key of the node refers to";
    // A caller's key alone stands in for the admin key and is refused as such: that is no defect.
    let admin = match admin {
        Err(Failure::Refused { status: 403, .. }) => {
            Check::bad("admin key", State::Skipped, "none given", operate)
        }
        other => check("admin key", other, client.has_key(As::Admin), operate),
    };
    [check("key", caller, client.has_key(As::Caller), make), admin]
}

async fn adapters(client: &Client) -> Check {
    let list: Result<Vec<Adapter>, Failure> = client.get(As::Admin, "/v1/admin/adapters").await;
    let Ok(list) = list else {
        return Check::new("adapters", State::Skipped, "needs the admin key", None);
    };
    let troubled: Vec<String> = list
        .iter()
        .filter_map(|adapter| Some(format!("{}: {}", adapter.id, adapter.trouble()?)))
        .collect();
    match troubled.as_slice() {
        [] => Check::ok("adapters", format!("{} routable", list.len())),
        troubled => Check::bad(
            "adapters",
            State::Warning,
            troubled.join("; "),
            "see `atpctl adapters`; check the provider's URL, key and quota, or restart the dialled-in adapter",
        ),
    }
}

async fn in_force(client: &Client) -> Check {
    let policy: Result<Value, Failure> = client.get(As::Admin, "/v1/admin/policy").await;
    let Ok(policy) = policy else {
        return Check::new("policy", State::Skipped, "needs the admin key", None);
    };
    let version = format!("version {}", policy["version"]);
    match policy["warnings"].as_array().map_or(&[][..], Vec::as_slice) {
        [] => Check::ok("policy", version),
        warnings => Check::bad(
            "policy",
            State::Warning,
            format!("{version} has {} warnings", warnings.len()),
            "see `atpctl policy show`, mend the document and apply it",
        ),
    }
}

async fn between_members(client: &Client) -> Vec<Check> {
    let told: Result<Value, Failure> = client.get(As::Admin, "/v1/admin/cluster").await;
    match told {
        Ok(told) => cluster::checks(&told),
        Err(_) => vec![Check::new("members", State::Skipped, "needs the admin key", None)],
    }
}

fn document(text: &str) -> Check {
    let lints = policy::check(text);
    let errors = lints
        .iter()
        .filter(|lint| lint.severity == Severity::Error)
        .count();
    let state = match (errors, lints.len()) {
        (0, 0) => return Check::ok("document", "no complaints"),
        (0, _) => State::Warning,
        _ => State::Failed,
    };
    let first = &lints[0];
    Check::bad(
        "document",
        state,
        first.to_string(),
        "mend what `atpctl policy lint` lists",
    )
}

/// The limit of this shell, which a node started from it inherits.
fn descriptors() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        None => Check::ok("descriptors", "no limit"),
        Some(limit) if limit >= DESCRIPTORS => Check::ok("descriptors", format!("{limit} here")),
        Some(limit) => Check::bad(
            "descriptors",
            State::Warning,
            format!("{limit} here, and a node started from this shell inherits it"),
            "raise `ulimit -n` above twice the connections you expect",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_too_far_off_is_told() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Thu, 01 Jan 1970 00:00:10 GMT".parse().expect("a header"));
        assert_eq!(clock(&headers, UnixMillis(11_000)).state, State::Ok);
        assert_eq!(clock(&headers, UnixMillis(60_000)).state, State::Warning);
        assert_eq!(clock(&HeaderMap::new(), UnixMillis(0)).state, State::Skipped);
    }

    #[test]
    fn every_failed_check_says_what_to_do() {
        let checks = readiness(
            br#"{"checks":{"store":false,"member":true,"policy":true,"adapters":false,"not_draining":true}}"#,
        );
        let failed: Vec<_> = checks
            .iter()
            .filter(|check| check.state == State::Failed)
            .collect();
        assert_eq!(failed.len(), 2);
        assert!(failed.iter().all(|check| check.remedy.is_some()));
    }

    #[test]
    fn a_bad_document_fails_with_its_line() {
        let check = document("policies:\n  - id: default\n    fanuot: [\"*\"]\n");
        assert_eq!(check.state, State::Failed);
        assert!(check.detail.starts_with("3:"), "{}", check.detail);
    }
}
