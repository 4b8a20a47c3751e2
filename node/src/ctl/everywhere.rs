//! Waits until every live member goes by what was agreed on.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::As;
use super::members::{rows, text};
use super::{Failure, Operator, Screen};

/// How often the members are looked at.
const EVERY: Duration = Duration::from_millis(200);

/// Who does not have it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Without {
    /// They answer, and go by an earlier one.
    pub(super) behind: Vec<String>,
    /// They do not answer, and take it over when they are back.
    pub(super) silent: Vec<String>,
}

impl Without {
    /// Adds who it is to a document.
    pub(super) fn show_in(&self, document: &mut Value) {
        document["behind"] = json!(self.behind);
        document["silent"] = json!(self.silent);
    }

    /// Tells of it.
    ///
    /// # Errors
    /// When somebody is behind.
    pub(super) fn verdict(&self, screen: &mut Screen) -> Result<(), Failure> {
        if !self.silent.is_empty() {
            let silent = self.silent.join(", ");
            screen.aside(&format!("no answer from {silent}: whoever is back takes it over"))?;
        }
        match self.behind.as_slice() {
            [] => Ok(()),
            behind => Err(Failure::Verdict(format!(
                "not in force yet at {}; `atpctl cluster status` tells how they are",
                behind.join(", ")
            ))),
        }
    }
}

/// Looks again and again, for `patience` at most. `what` is the member of a standing that tells a version. Returns who does not have
/// `version`, which is nobody that lives, or who is behind yet.
pub(super) async fn wait(
    operator: &Operator,
    what: &str,
    version: u64,
    patience: Duration,
) -> Result<Without, Failure> {
    let mut last = Without::default();
    let seen = async {
        loop {
            let cluster = operator.client.get(As::Admin, "/v1/admin/cluster").await?;
            last = without(&cluster, what, version);
            if last.behind.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    match tokio::time::timeout(patience, seen).await {
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(())) | Err(_) => Ok(last),
    }
}

fn without(cluster: &Value, what: &str, version: u64) -> Without {
    let mut without = Without::default();
    for member in rows(&cluster["members"]) {
        let name = format!("node {} ({})", member["node"], text(&member["name"]));
        match member["standing"][what].as_u64() {
            // What was heard of it last says nothing of what it does when it comes back.
            _ if member["reached"] == false => without.silent.push(name),
            // It is connected and has just come: it will be heard.
            None if member["reached"] == true => without.behind.push(name),
            None => without.silent.push(name),
            Some(theirs) if theirs < version => without.behind.push(name),
            Some(_) => {}
        }
    }
    without
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_behind_and_who_is_silent_are_two_things() {
        let member = |node: u16, standing: Value| json!({ "node": node, "name": "n", "standing": standing });
        let cluster = json!({ "members": [
            member(1, json!({ "policy_version": 7 })),
            member(2, json!({ "policy_version": 6 })),
            member(3, Value::Null),
            member(4, json!({ "policy_version": 8 })),
            json!({ "node": 5, "name": "n", "reached": true, "standing": null }),
            json!({ "node": 6, "name": "n", "reached": false, "standing": { "policy_version": 9 } }),
        ] });
        let expected = Without {
            behind: vec!["node 2 (n)".to_owned(), "node 5 (n)".to_owned()],
            silent: vec!["node 3 (n)".to_owned(), "node 6 (n)".to_owned()],
        };
        assert_eq!(without(&cluster, "policy_version", 7), expected);
    }
}
