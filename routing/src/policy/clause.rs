//! One key under `match`: an attribute and what its value must be (routing.md 3.1).

use std::sync::Arc;

use super::attributes::{Attributes, Kind, Schema, Source, Value};
use super::fields::{list, scalar, unknown};
use super::glob::Glob;
use super::lint::Lints;
use super::yaml::{Key, Node};

/// Most alternatives or list items of one clause.
const ALTERNATIVES_MAX: usize = 64;

/// A key under `match`. All clauses of a policy must hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// The key as written, suffix included.
    pub(super) key: Arc<str>,
    pub(super) source: Source,
    pub(super) test: Test,
}

/// What a value must be. A value of another type satisfies no test.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// One of these words.
    Is(Vec<Glob>),
    /// None of these words; an absent value is none of them.
    IsNot(Vec<Glob>),
    /// In one of these intervals.
    Within(Vec<Interval>),
    /// In none of these intervals; an absent value is in none.
    Outside(Vec<Interval>),
    /// This.
    Flag(bool),
    /// The list holds one of these.
    Any(Vec<Glob>),
    /// The list holds each of these.
    All(Vec<Glob>),
    /// The list holds none of these.
    None(Vec<Glob>),
}

/// Numbers between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether `low` itself lies inside.
    pub(super) holds_low: bool,
    /// Whether `high` itself lies inside.
    pub(super) holds_high: bool,
}

impl Clause {
    pub(super) fn holds(&self, attributes: &Attributes<'_>) -> bool {
        self.test.holds(attributes.value(&self.source))
    }
}

impl Test {
    pub(super) fn holds(&self, value: Option<Value<'_>>) -> bool {
        match (self, value) {
            (Self::Is(words), Some(Value::Text(text))) => words.iter().any(|word| word.matches(text)),
            (Self::IsNot(words), Some(Value::Text(text))) => !words.iter().any(|word| word.matches(text)),
            (Self::Within(intervals), Some(Value::Number(n))) => intervals.iter().any(|i| i.holds(n)),
            (Self::Outside(intervals), Some(Value::Number(n))) => !intervals.iter().any(|i| i.holds(n)),
            (Self::Flag(wanted), Some(Value::Flag(flag))) => *wanted == flag,
            (Self::Any(words), Some(Value::List(items))) => {
                items.any(|item| words.iter().any(|word| word.matches(item)))
            }
            (Self::All(words), Some(Value::List(items))) => {
                words.iter().all(|word| items.any(|item| word.matches(item)))
            }
            (Self::None(words), Some(Value::List(items))) => {
                !items.any(|item| words.iter().any(|word| word.matches(item)))
            }
            (Self::IsNot(_) | Self::Outside(_) | Self::None(_), None) => true,
            (
                Self::Is(_)
                | Self::IsNot(_)
                | Self::Within(_)
                | Self::Outside(_)
                | Self::Flag(_)
                | Self::Any(_)
                | Self::All(_)
                | Self::None(_),
                _,
            ) => false,
        }
    }
}

impl Interval {
    pub(super) fn holds(self, number: f64) -> bool {
        let above = if self.holds_low {
            number >= self.low
        } else {
            number > self.low
        };
        let below = if self.holds_high {
            number <= self.high
        } else {
            number < self.high
        };
        above && below
    }

    /// Reads `n`, `>n`, `>=n`, `<n`, `<=n` or `n..m`, both ends included.
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let text = text.trim();
        let (low, high, holds_low, holds_high) = if let Some(n) = text.strip_prefix(">=") {
            (number(n)?, f64::INFINITY, true, false)
        } else if let Some(n) = text.strip_prefix("<=") {
            (f64::NEG_INFINITY, number(n)?, false, true)
        } else if let Some(n) = text.strip_prefix('>') {
            (number(n)?, f64::INFINITY, false, false)
        } else if let Some(n) = text.strip_prefix('<') {
            (f64::NEG_INFINITY, number(n)?, false, false)
        } else if let Some((low, high)) = text.split_once("..") {
            (number(low)?, number(high)?, true, true)
        } else {
            let n = number(text)?;
            (n, n, true, true)
        };
        (low <= high).then_some(Self {
            low,
            high,
            holds_low,
            holds_high,
        })
    }
}

/// What the suffix of a key asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plain,
    Not,
    Any,
    All,
}

/// Reads one key under `match`.
pub(super) fn read(key: &Key<'_>, node: &Node<'_>, schema: &Schema, lints: &mut Lints) -> Option<Clause> {
    let Some((source, kind, operator)) = resolve(&key.text, schema) else {
        unknown(key, "match", schema.names(), lints);
        return None;
    };
    let test = match (kind, operator) {
        (Kind::Text | Kind::Name, Operator::Plain) => Test::Is(words(key, node, kind, lints)?),
        (Kind::Text | Kind::Name, Operator::Not) => Test::IsNot(words(key, node, kind, lints)?),
        (Kind::Number, Operator::Plain) => Test::Within(intervals(key, node, lints)?),
        (Kind::Number, Operator::Not) => Test::Outside(intervals(key, node, lints)?),
        (Kind::Flag, Operator::Plain) => Test::Flag(flag(key, node, lints)?),
        (Kind::List, Operator::Any) => Test::Any(words(key, node, kind, lints)?),
        (Kind::List, Operator::All) => Test::All(words(key, node, kind, lints)?),
        (Kind::List, Operator::Not) => Test::None(words(key, node, kind, lints)?),
        (Kind::List, Operator::Plain) => {
            lints.error_with_hint(
                key.at,
                format!("`{}` is a list and equals no single value", key.text),
                format!("write `{0}_any`, `{0}_all` or `{0}_not`", key.text),
            );
            return None;
        }
        (Kind::Text | Kind::Name | Kind::Number | Kind::Flag, _) => {
            lints.error_with_hint(
                key.at,
                format!("`{}`: its attribute is no list", key.text),
                "write alternatives as \"a|b\"; `_any` and `_all` are for lists, `_not` for words, numbers and lists",
            );
            return None;
        }
    };
    Some(Clause {
        key: Arc::from(key.text.as_ref()),
        source,
        test,
    })
}

/// An attribute's own name wins over a suffix, so that a declared `why_not` stays usable.
fn resolve(key: &str, schema: &Schema) -> Option<(Source, Kind, Operator)> {
    let found = |name: &str, operator| {
        schema
            .get(name)
            .map(|(source, kind)| (source.clone(), kind, operator))
    };
    found(key, Operator::Plain)
        .or_else(|| found(key.strip_suffix("_not")?, Operator::Not))
        .or_else(|| found(key.strip_suffix("_any")?, Operator::Any))
        .or_else(|| found(key.strip_suffix("_all")?, Operator::All))
}

/// Alternatives, written `a|b` or as a list.
fn alternatives<'n>(key: &Key<'_>, node: &'n Node<'_>, lints: &mut Lints) -> Option<Vec<&'n str>> {
    let items = list(node, &key.text, ALTERNATIVES_MAX, lints)?;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        found.extend(scalar(item, &key.text, lints)?.split('|').map(str::trim));
    }
    if found.is_empty() || found.len() > ALTERNATIVES_MAX {
        lints.error(
            node.at,
            format!(
                "`{}` has {} alternatives; it must have 1 to {ALTERNATIVES_MAX}",
                key.text,
                found.len()
            ),
        );
        return None;
    }
    Some(found)
}

fn words(key: &Key<'_>, node: &Node<'_>, kind: Kind, lints: &mut Lints) -> Option<Vec<Glob>> {
    let mut globs = Vec::new();
    for word in alternatives(key, node, lints)? {
        match Glob::new(word) {
            Ok(glob) if glob.is_literal() || kind == Kind::Name => globs.push(glob),
            Ok(_) => {
                lints.error_with_hint(
                    node.at,
                    format!(
                        "`{word}`: `*` is for names; `{}` is compared word for word",
                        key.text
                    ),
                    "list the words, or declare an attribute of kind `name`",
                );
                return None;
            }
            Err(error) => {
                lints.error(node.at, format!("`{}`: {error}", key.text));
                return None;
            }
        }
    }
    Some(globs)
}

fn intervals(key: &Key<'_>, node: &Node<'_>, lints: &mut Lints) -> Option<Vec<Interval>> {
    let mut intervals = Vec::new();
    for text in alternatives(key, node, lints)? {
        let Some(interval) = Interval::parse(text) else {
            lints.error_with_hint(
                node.at,
                format!("`{}` is a number and cannot be `{text}`", key.text),
                "write n, \">n\", \">=n\", \"<n\", \"<=n\" or \"n..m\" with n not above m",
            );
            return None;
        };
        intervals.push(interval);
    }
    Some(intervals)
}

fn flag(key: &Key<'_>, node: &Node<'_>, lints: &mut Lints) -> Option<bool> {
    match scalar(node, &key.text, lints)? {
        "true" => Some(true),
        "false" => Some(false),
        other => {
            lints.error(
                node.at,
                format!("`{}` is true or false and cannot be `{other}`", key.text),
            );
            None
        }
    }
}
