//! `atpctl policy lint|apply|show`

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use atp_routing::policy::{Lint, PolicySet, Severity};
use http::Method;
use serde_json::{Value, json};

use super::client::As;
use super::everywhere::{self, Without};
use super::{Failure, Operator, Screen};

/// Checks documents without a node.
pub(super) fn lint(screen: &mut Screen, files: &[std::path::PathBuf]) -> Result<(), Failure> {
    let mut reports = Vec::new();
    let mut errors = 0;
    for file in files {
        let lints = check(&read(file)?);
        errors += lints
            .iter()
            .filter(|lint| lint.severity == Severity::Error)
            .count();
        if !screen.is_json {
            for lint in &lints {
                screen.line(&format!("{}:{lint}", file.display()))?;
            }
            if lints.is_empty() {
                screen.line(&format!("{}: ok", file.display()))?;
            }
        }
        reports.push(json!({
            "file": file.display().to_string(),
            "ok": lints.iter().all(|lint| lint.severity != Severity::Error),
            "lints": lints,
        }));
    }
    if screen.is_json {
        screen.json(&json!({ "ok": errors == 0, "files": reports }))?;
    }
    match errors {
        0 => Ok(()),
        count => Err(Failure::Verdict(format!(
            "{}; the document would be rejected",
            counted(count)
        ))),
    }
}

fn counted(errors: usize) -> String {
    match errors {
        1 => "1 error".to_owned(),
        many => format!("{many} errors"),
    }
}

/// The problems of a document.
pub(super) fn check(text: &str) -> Vec<Lint> {
    match PolicySet::parse(text) {
        Ok(set) => set.warnings().to_vec(),
        Err(lints) => lints,
    }
}

/// Puts a document in force; the node checks it again. With `wait`, in seconds, it is in force everywhere afterwards.
pub(super) async fn apply(operator: &mut Operator, file: &Path, wait: Option<u64>) -> Result<(), Failure> {
    let text = read(file)?;
    let body = Some(("application/yaml", text.into_bytes()));
    let (status, _, body) = operator
        .client
        .whole(As::Admin, Method::PUT, "/v1/admin/policy", body)
        .await?;
    let mut reply: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status == 200 {
        let without = match (wait, reply["version"].as_u64()) {
            (Some(seconds), Some(version)) => {
                everywhere::wait(operator, "policy_version", version, Duration::from_secs(seconds)).await?
            }
            _ => Without::default(),
        };
        if wait.is_some() {
            without.show_in(&mut reply);
        }
        return in_force(&mut operator.screen, &reply, &without);
    }
    let screen = &mut operator.screen;
    let lints = reply["lints"].as_array().map_or(&[][..], Vec::as_slice);
    if lints.is_empty() {
        return Err(Failure::refused(status, &body));
    }
    if screen.is_json {
        screen.json(&json!({ "ok": false, "lints": lints }))?;
    } else {
        for lint in lints {
            let message = super::screen::visible(lint["message"].as_str().unwrap_or_default());
            let severity = lint["severity"].as_str().unwrap_or("error");
            let hint = lint["hint"]
                .as_str()
                .map_or_else(String::new, |hint| format!("; {}", super::screen::visible(hint)));
            screen.line(&format!(
                "{}:{}:{}: {severity}: {message}{hint}",
                file.display(),
                lint["line"],
                lint["column"]
            ))?;
        }
    }
    Err(Failure::Verdict("rejected; the policy in force stays".to_owned()))
}

fn in_force(screen: &mut Screen, reply: &Value, without: &Without) -> Result<(), Failure> {
    match screen.is_json {
        true => screen.json(reply)?,
        false => screen.line(&format!(
            "version {} is in force, {} before",
            reply["version"], reply["previous"]
        ))?,
    }
    without.verdict(screen)
}

/// What is in force.
pub(super) async fn show(operator: &mut Operator) -> Result<(), Failure> {
    let policy: Value = operator.client.get(As::Admin, "/v1/admin/policy").await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&policy);
    }
    screen.line(&format!("version {}", policy["version"]))?;
    for id in policy["policies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        screen.line(&format!("  {id}"))?;
    }
    for warning in policy["warnings"].as_array().into_iter().flatten() {
        let message = warning["message"].as_str().unwrap_or_default();
        screen.line(&format!("line {}: {message}", warning["line"]))?;
    }
    Ok(())
}

/// A document; `-` is standard input.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let text = match file.as_os_str() == "-" {
        true => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        false => fs::read_to_string(file),
    };
    text.map_err(|source| Failure::File {
        what: file.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_error_is_no_plural() {
        assert_eq!([1, 2].map(counted), ["1 error", "2 errors"]);
    }
}
