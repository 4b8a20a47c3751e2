//! Whether a change of the frame is a breaking one (atp.md 8.5): compares two schemas or two sample frames.

use std::collections::BTreeSet;

use crate::units::Tier;
use crate::value::{Object, Value};

/// Members whose addition breaks senders that do not have them.
const REQUIRED: &[&str] = &[
    "v",
    "session_id",
    "stream_id",
    "msg_seq",
    "qos",
    "window",
    "payload",
];

/// How a change goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Score of 0.8 or more: deploy with monitoring.
    Deploy,
    /// Score of 0.5 or more: the full integration test first.
    Test,
    /// Anything below: a new major version.
    Major,
}

/// What changed, as paths joined by dots; elements of a list are `[]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff {
    /// Changes that break a peer. Each adds to `frame_diff_breaking_changes_total`.
    pub breaking: BTreeSet<String>,
    /// Optional additions.
    pub compatible: BTreeSet<String>,
    /// 1 minus the share of breaking paths in the top-level members, not below 0.
    pub score: f64,
}

impl Diff {
    /// How the change goes out.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.score {
            0.8.. => Verdict::Deploy,
            0.5.. => Verdict::Test,
            _ => Verdict::Major,
        }
    }
}

/// Compares `new` with `old`.
#[must_use]
pub fn diff(old: &Object<'_>, new: &Object<'_>) -> Diff {
    let mut diff = Diff::default();
    diff.objects("", old, new);
    diff.score = (1.0 - diff.breaking.len() as f64 / old.len().max(1) as f64).max(0.0);
    diff
}

impl Diff {
    fn objects(&mut self, path: &str, old: &Object<'_>, new: &Object<'_>) {
        for (name, value) in old.iter() {
            let path = join(path, name);
            match new.get(name) {
                Some(other) => self.values(&path, name, value, other),
                None => drop(self.breaking.insert(path)),
            }
        }
        for (name, _) in new.iter().filter(|(name, _)| old.get(name).is_none()) {
            let is_required = path.is_empty() && REQUIRED.contains(&name);
            let into = if is_required {
                &mut self.breaking
            } else {
                &mut self.compatible
            };
            into.insert(join(path, name));
        }
    }

    /// `name` is the last segment of `path`: `v` and `qos` mean the members of that name and not what contains a letter.
    fn values(&mut self, path: &str, name: &str, old: &Value<'_>, new: &Value<'_>) {
        let is_broken = match (name, old, new) {
            ("v", _, _) => old != new,
            ("qos", Value::Text(_), Value::Text(tier)) => Tier::parse(tier).is_none(),
            ("qos", Value::Array(old), Value::Array(new)) => !same_members(old, new),
            _ => kind(old) != kind(new),
        };
        if is_broken {
            self.breaking.insert(path.to_owned());
            return;
        }
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(path, old, new),
            (Value::Array(old), Value::Array(new)) => {
                let element = join(path, "[]");
                for (old, new) in old.iter().zip(new) {
                    self.values(&element, "[]", old, new);
                }
            }
            _ => {}
        }
    }
}

fn same_members(old: &[Value<'_>], new: &[Value<'_>]) -> bool {
    old.len() == new.len() && old.iter().all(|value| new.contains(value))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// JSON's kinds; integers and floats are told apart, since no receiver takes one for the other.
const fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::value::json;

    const OLD: &str = r#"{"v":1,"qos":"gold","ttl":8,"flags":["SYN"],"payload":{"type":"x","seq":1}}"#;

    fn compare(new: &str) -> Diff {
        let parse = |text: &str| match json::parse(text, &Limits::DEFAULT).unwrap().into_owned() {
            Value::Object(object) => object,
            other => panic!("not an object: {other:?}"),
        };
        diff(&parse(OLD), &parse(new))
    }

    fn breaking(new: &str) -> Vec<String> {
        compare(new).breaking.into_iter().collect()
    }

    #[test]
    fn values_may_change_but_not_types_the_version_or_the_domain_of_tiers() {
        assert_eq!(breaking(OLD), [""; 0]);
        assert_eq!(
            breaking(r#"{"v":1,"qos":"bronze","ttl":9,"flags":["FIN"],"payload":{"type":"y","seq":2}}"#),
            [""; 0]
        );
        assert_eq!(
            breaking(r#"{"v":2,"qos":"platinum","ttl":"8","flags":[1],"payload":{"type":"y","seq":1.5}}"#),
            ["flags.[]", "payload.seq", "qos", "ttl", "v"]
        );
    }

    #[test]
    fn removals_break_and_additions_do_not_unless_required() {
        let change = compare(
            r#"{"v":1,"qos":"gold","flags":[],"payload":{"type":"x","seq":1,"level":1},"window":{},"v2":1}"#,
        );
        assert_eq!(change.breaking.iter().collect::<Vec<_>>(), ["ttl", "window"]);
        assert_eq!(
            change.compatible.iter().collect::<Vec<_>>(),
            ["payload.level", "v2"]
        );
        assert!((change.score - 0.6).abs() < 1e-9, "{}", change.score);
        assert_eq!(change.verdict(), Verdict::Test);
    }

    #[test]
    fn the_score_says_how_the_change_goes_out() {
        assert_eq!(compare(OLD).verdict(), Verdict::Deploy);
        assert_eq!(compare("{}").verdict(), Verdict::Major);
        assert!(compare("{}").score.abs() < 1e-9, "never below zero");
    }
}
