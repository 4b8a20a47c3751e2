//! Warns where two policies are equally specific and one request matches both: only the id decides then, which is
//! seldom what was meant.

use super::attributes::{List, Source, Value};
use super::clause::{Clause, Interval, Test};
use super::entry::Policy;
use super::glob::Glob;
use super::lint::Lints;

/// Most pairs looked at, so that a large set of alike policies stays cheap to load.
const PAIRS_MAX: usize = 200_000;

/// A value no document is likely to name.
const UNLIKELY: &str = "other";

/// Looks for overlaps, and for policies that can never apply. `policies`: in order of selection, so that equally specific
/// ones are neighbours.
pub(super) fn check(policies: &[Policy], lints: &mut Lints) {
    if let Some(all) = policies.iter().position(|policy| policy.clauses.is_empty()) {
        for hidden in &policies[all + 1..] {
            lints.warning(
                hidden.at,
                format!(
                    "policy `{}` never applies: `{}` goes first and matches every request",
                    hidden.id, policies[all].id
                ),
                "give it a higher priority",
            );
        }
    }
    let mut pairs = 0;
    for (i, first) in policies.iter().enumerate() {
        let alike = policies[i + 1..].iter().take_while(|other| {
            other.priority == first.priority && other.clauses.len() == first.clauses.len()
        });
        for second in alike {
            pairs += 1;
            if pairs > PAIRS_MAX {
                lints.warning(
                    second.at,
                    format!("more than {PAIRS_MAX} pairs of equally specific policies; overlaps beyond are not looked for"),
                    "give them different priorities",
                );
                return;
            }
            if let Some(witness) = witness(first, second) {
                lints.warning(
                    second.at,
                    format!(
                        "policies `{}` and `{}` are equally specific and both match {witness}; `{}` wins by its id",
                        first.id, second.id, first.id
                    ),
                    "give one of them a higher priority",
                );
            }
        }
    }
}

/// A request that both policies match, as text; `None` when none was found. Whatever is returned was tried on every
/// clause, so there are no false alarms.
fn witness(first: &Policy, second: &Policy) -> Option<String> {
    let mut clauses: Vec<&Clause> = first.clauses.iter().chain(&second.clauses).collect();
    clauses.sort_by(|a, b| a.source.cmp(&b.source));
    let mut parts = Vec::new();
    for same in clauses.chunk_by(|a, b| a.source == b.source) {
        let sample = samples(same).into_iter().find(|sample| {
            same.iter()
                .all(|clause| sample.with_value(|value| clause.test.holds(value)))
        })?;
        parts.push(format!("{}={}", name(same[0]), sample.describe()));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The attribute's name: the key without its suffix.
fn name(clause: &Clause) -> &str {
    if let Source::Other(name) = &clause.source {
        return name;
    }
    let key = &clause.key;
    match clause.test {
        Test::Is(_) | Test::Within(_) | Test::Flag(_) => key,
        Test::IsNot(_) | Test::Outside(_) | Test::Any(_) | Test::All(_) | Test::None(_) => {
            key.rsplit_once('_').map_or(key, |(name, _)| name)
        }
    }
}

/// A value that might satisfy clauses on one attribute.
enum Sample {
    Text(String),
    Number(f64),
    Flag(bool),
    List(Vec<String>),
}

impl Sample {
    fn with_value<T>(&self, check: impl FnOnce(Option<Value<'_>>) -> T) -> T {
        match self {
            Self::Text(text) => check(Some(Value::Text(text))),
            Self::Number(number) => check(Some(Value::Number(*number))),
            Self::Flag(flag) => check(Some(Value::Flag(*flag))),
            Self::List(items) => check(Some(Value::List(List::Strings(items)))),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => format!("[{}]", items.join(", ")),
        }
    }
}

/// Values at the edges of what the clauses ask for.
fn samples(clauses: &[&Clause]) -> Vec<Sample> {
    let mut words = Vec::new();
    let mut lists = vec![Vec::new()];
    let mut all_of_lists = Vec::new();
    let mut numbers = vec![0.0];
    let mut samples = Vec::new();
    for clause in clauses {
        match &clause.test {
            Test::Is(globs) => words.extend(globs),
            Test::IsNot(_) => samples.push(Sample::Text(UNLIKELY.to_owned())),
            Test::Within(intervals) | Test::Outside(intervals) => {
                numbers.extend(intervals.iter().flat_map(around));
            }
            Test::Flag(flag) => samples.push(Sample::Flag(*flag)),
            Test::Any(globs) => {
                let named: Vec<String> = globs.iter().map(concrete).collect();
                lists.extend(named.iter().map(|item| vec![item.clone()]));
                all_of_lists.extend(named.first().cloned());
            }
            Test::All(globs) => all_of_lists.extend(globs.iter().map(concrete)),
            Test::None(_) => {}
        }
    }
    samples.extend(texts(&words).into_iter().map(Sample::Text));
    lists.push(all_of_lists);
    samples.extend(lists.into_iter().map(Sample::List));
    samples.extend(numbers.into_iter().map(Sample::Number));
    samples
}

/// Names that match a glob, and names put together from the ends of two.
fn texts(words: &[&Glob]) -> Vec<String> {
    let mut texts: Vec<String> = words.iter().map(|word| concrete(word)).collect();
    for a in words.iter().filter(|word| !word.is_literal()) {
        for b in words.iter().filter(|word| !word.is_literal()) {
            let suffix = b.as_str().rsplit('*').next().unwrap_or_default();
            texts.push(format!("{}{suffix}", a.literal_prefix()));
        }
    }
    texts
}

/// The shortest name a glob matches.
fn concrete(glob: &Glob) -> String {
    match glob.as_str().replace('*', "") {
        empty if empty.is_empty() => UNLIKELY.to_owned(),
        name => name,
    }
}

/// The bounds of an interval and numbers close to them.
fn around(interval: &Interval) -> impl Iterator<Item = f64> {
    let Interval { low, high, .. } = *interval;
    [
        low,
        high,
        low + 1.0,
        low - 1.0,
        high - 1.0,
        high + 1.0,
        f64::midpoint(low, high),
    ]
    .into_iter()
    .filter(|number| number.is_finite())
}
