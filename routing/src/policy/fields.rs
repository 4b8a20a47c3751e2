//! Typed reading of a mapping: every key is known, every value has one type, every mistake becomes a lint.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use atp_protocol::units::usd_to_micros;

use super::glob::{GLOB_LEN_MAX, Glob};
use super::lint::{Lints, Position};
use super::yaml::{Key, Kind, Node};

/// Longest name of anything a document declares, in bytes.
const NAME_LEN_MAX: usize = 128;

/// The entries of one mapping, checked against the keys it may have.
pub(super) struct Fields<'n, 't> {
    pub(super) at: Position,
    entries: &'n [(Key<'t>, Node<'t>)],
}

impl<'n, 't> Fields<'n, 't> {
    /// Opens `node`; reports keys outside `known`, each with the nearest known one.
    pub(super) fn open(
        node: &'n Node<'t>,
        what: &str,
        known: &[&'static str],
        lints: &mut Lints,
    ) -> Option<Self> {
        let fields = Self::open_free(node, what, lints)?;
        for (key, _) in fields.entries {
            if !known.contains(&key.text.as_ref()) {
                unknown(key, what, known.iter().copied(), lints);
            }
        }
        Some(fields)
    }

    /// Opens a mapping whose keys are names of the author's choice. Nothing written reads as an empty mapping.
    pub(super) fn open_free(node: &'n Node<'t>, what: &str, lints: &mut Lints) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { at: node.at, entries }),
            Kind::Scalar { .. } if node.is_null() => Some(Self {
                at: node.at,
                entries: &[],
            }),
            Kind::Scalar { .. } | Kind::List(_) => {
                lints.error(
                    node.at,
                    format!("{what} is {}; it must be a mapping", node.describe()),
                );
                None
            }
        }
    }

    pub(super) const fn entries(&self) -> &'n [(Key<'t>, Node<'t>)] {
        self.entries
    }

    /// The value of `key`; `None` when absent or written without a value.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node<'t>> {
        self.entries
            .iter()
            .find(|(have, _)| have.text == key)
            .map(|(_, node)| node)
            .filter(|node| !node.is_null())
    }

    pub(super) fn text(&self, key: &str, lints: &mut Lints) -> Option<Arc<str>> {
        text(self.get(key)?, key, lints).map(Arc::from)
    }

    pub(super) fn whole(&self, key: &str, range: RangeInclusive<u64>, lints: &mut Lints) -> Option<u64> {
        self.parsed(key, "a whole number", range, lints)
    }

    pub(super) fn integer(&self, key: &str, range: RangeInclusive<i64>, lints: &mut Lints) -> Option<i64> {
        self.parsed(key, "a whole number", range, lints)
    }

    pub(super) fn number(&self, key: &str, range: RangeInclusive<f64>, lints: &mut Lints) -> Option<f64> {
        self.parsed(key, "a number", range, lints)
    }

    fn parsed<T: FromStr + PartialOrd + fmt::Display>(
        &self,
        key: &str,
        what: &str,
        range: RangeInclusive<T>,
        lints: &mut Lints,
    ) -> Option<T> {
        let node = self.get(key)?;
        let value = scalar(node, key, lints)?;
        match value.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(_) | Err(_) => {
                let (low, high) = range.into_inner();
                lints.error(
                    node.at,
                    format!("{key} is `{value}`; it must be {what} from {low} to {high}"),
                );
                None
            }
        }
    }

    /// An amount of dollars, in micro-dollars.
    pub(super) fn usd(&self, key: &str, max: f64, lints: &mut Lints) -> Option<u64> {
        self.number(key, 0.0..=max, lints).and_then(usd_to_micros)
    }

    pub(super) fn flag(&self, key: &str, lints: &mut Lints) -> Option<bool> {
        self.choice(key, &[("true", true), ("false", false)], lints)
    }

    /// One of a closed set of words; a misspelt one is answered with the nearest.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        words: &[(&'static str, T)],
        lints: &mut Lints,
    ) -> Option<T> {
        choice(self.get(key)?, key, words, lints)
    }

    /// A list of words, or one word. `None` when absent; at most `max` items.
    pub(super) fn texts(&self, key: &str, max: usize, lints: &mut Lints) -> Option<Vec<Arc<str>>> {
        let items = list(self.get(key)?, key, max, lints)?;
        items
            .iter()
            .map(|item| text(item, key, lints).map(Arc::from))
            .collect()
    }

    /// A list of names with globs, or one of them. `None` when absent.
    pub(super) fn globs(&self, key: &str, max: usize, lints: &mut Lints) -> Option<Vec<Glob>> {
        let items = list(self.get(key)?, key, max, lints)?;
        items
            .iter()
            .map(|item| glob(item, text(item, key, lints)?, lints))
            .collect()
    }

    /// A list of words of a closed set, or one of them. `None` when absent.
    pub(super) fn choices<T: Copy>(
        &self,
        key: &str,
        words: &[(&'static str, T)],
        lints: &mut Lints,
    ) -> Option<Vec<T>> {
        let items = list(self.get(key)?, key, words.len(), lints)?;
        items.iter().map(|item| choice(item, key, words, lints)).collect()
    }
}

/// Reports a key nobody knows.
pub(super) fn unknown<'k>(
    key: &Key<'_>,
    what: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    lints: &mut Lints,
) {
    let message = format!("unknown key `{}` in {what}", key.text);
    match nearest(&key.text, known.clone()) {
        Some(word) => lints.error_with_hint(key.at, message, format!("did you mean `{word}`?")),
        None => {
            let all: Vec<&str> = known.take(40).collect();
            lints.error_with_hint(key.at, message, format!("known keys: {}", all.join(", ")));
        }
    }
}

/// The known word that `word` is most likely a misspelling of.
fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Checks a name that the document declares.
pub(super) fn is_declarable(key: &Key<'_>, what: &str, lints: &mut Lints) -> bool {
    let is_fine = (1..=NAME_LEN_MAX).contains(&key.text.len())
        && key
            .text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'|' | b'"' | b'\\' | b';'));
    if !is_fine {
        lints.error(
            key.at,
            format!(
                "`{}` cannot name {what}: 1 to {NAME_LEN_MAX} visible ASCII characters without * | ; \" and \\",
                key.text
            ),
        );
    }
    is_fine
}

pub(super) fn scalar<'n>(node: &'n Node<'_>, what: &str, lints: &mut Lints) -> Option<&'n str> {
    match &node.kind {
        Kind::Scalar { text, .. } if !node.is_null() => Some(text),
        Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => {
            lints.error(
                node.at,
                format!("{what} is {}; it must be a single value", node.describe()),
            );
            None
        }
    }
}

fn text<'n>(node: &'n Node<'_>, what: &str, lints: &mut Lints) -> Option<&'n str> {
    let value = scalar(node, what, lints)?;
    if value.is_empty() || value.len() > GLOB_LEN_MAX {
        lints.error(
            node.at,
            format!(
                "{what} is {} bytes long; it must have 1 to {GLOB_LEN_MAX}",
                value.len()
            ),
        );
        return None;
    }
    Some(value)
}

fn glob(node: &Node<'_>, pattern: &str, lints: &mut Lints) -> Option<Glob> {
    match Glob::new(pattern) {
        Ok(glob) => Some(glob),
        Err(error) => {
            lints.error(node.at, error.to_string());
            None
        }
    }
}

fn choice<T: Copy>(node: &Node<'_>, what: &str, words: &[(&'static str, T)], lints: &mut Lints) -> Option<T> {
    let value = scalar(node, what, lints)?;
    if let Some(&(_, choice)) = words.iter().find(|(word, _)| *word == value) {
        return Some(choice);
    }
    let all: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
    let message = format!("{what} cannot be `{value}`; it is one of {}", all.join(", "));
    match nearest(value, all.iter().copied()) {
        Some(word) => lints.error_with_hint(node.at, message, format!("did you mean `{word}`?")),
        None => lints.error(node.at, message),
    }
    None
}

/// The items of a list; a single value is a list of one.
pub(super) fn list<'n, 't>(
    node: &'n Node<'t>,
    what: &str,
    max: usize,
    lints: &mut Lints,
) -> Option<&'n [Node<'t>]> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Scalar { .. } => std::slice::from_ref(node),
        Kind::Map(_) => {
            lints.error(node.at, format!("{what} is a mapping; it must be a list"));
            return None;
        }
    };
    if items.len() > max {
        lints.error(
            node.at,
            format!("{what} has {} items; at most {max} are allowed", items.len()),
        );
        return None;
    }
    Some(items)
}
