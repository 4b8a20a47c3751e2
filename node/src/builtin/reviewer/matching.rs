//! Matches the rules against a block.
//!
//! Patterns run over a whole block at once, so a rule may span lines, and are linear in the text.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use atp_protocol::finding::Severity;

use super::flow::Flow;
use super::mask::View;
use super::pattern::{Found, Pattern};
use super::rule::{Origin, Region, Rule};
use super::rules;
use super::source::{Block, SourceFile};

/// A rule that matched.
pub(super) struct Hit {
    /// Which rule.
    pub rule: &'static Rule,
    /// First and last line of the match, as indexes into the block.
    pub lines: (usize, usize),
    /// Bytes of the block that may be quoted.
    pub quote: Range<usize>,
    /// How bad it is here.
    pub severity: Severity,
    /// How sure the rule is here.
    pub confidence: f64,
}

/// A rule's patterns, compiled when a file that it applies to is first seen.
struct Compiled {
    rule: &'static Rule,
    patterns: OnceLock<Patterns>,
}

struct Patterns {
    pattern: Pattern,
    requires: Vec<(Region, Pattern)>,
    unless: Vec<(Region, Pattern)>,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let uncompiled = |rule| Compiled {
        rule,
        patterns: OnceLock::new(),
    };
    rules::all().map(uncompiled).collect()
});

impl Compiled {
    fn patterns(&self) -> &Patterns {
        let conditions = |list: &[(Region, &str)]| {
            list.iter()
                .map(|&(region, pattern)| (region, Pattern::verbose(pattern)))
                .collect()
        };
        self.patterns.get_or_init(|| Patterns {
            pattern: Pattern::verbose(self.rule.pattern),
            requires: conditions(self.rule.requires),
            unless: conditions(self.rule.unless),
        })
    }
}

/// Every hit in the lines of `block` that are under review, in the order of the rules.
pub(super) fn hits(file: &SourceFile, block: &Block) -> Vec<Hit> {
    let flow = Flow::of(file.language, block);
    let is_test = file.is_test();
    let mut hits = Vec::new();
    for compiled in COMPILED.iter() {
        let rule = compiled.rule;
        let applies = rule.languages.is_empty() || rule.languages.contains(&file.language);
        if !applies || is_test && !rule.in_tests {
            continue;
        }
        let patterns = compiled.patterns();
        for found in patterns.pattern.captures_iter(block.views.view(rule.view)) {
            let place = Place {
                file,
                block,
                rule,
                found: &found,
            };
            if let Some(mut hit) = place.hit(patterns, &flow) {
                if is_test {
                    hit.confidence *= 0.5;
                }
                hits.push(hit);
            }
        }
    }
    hits
}

/// A match under examination.
struct Place<'a> {
    file: &'a SourceFile,
    block: &'a Block,
    rule: &'static Rule,
    found: &'a Found<'a>,
}

impl Place<'_> {
    fn hit(&self, patterns: &Patterns, flow: &Flow) -> Option<Hit> {
        let at = self.at();
        let lines = (
            self.block.line_at(at.start),
            self.block.line_at(at.end.saturating_sub(1).max(at.start)),
        );
        let is_reviewed = self.block.lines[lines.0..=lines.1]
            .iter()
            .any(|line| line.is_added);
        if !is_reviewed || flow.is_test_code(lines.0) && !self.rule.in_tests {
            return None;
        }
        for (region, pattern) in &patterns.requires {
            if !pattern.is_match(self.region(*region, &at)?) {
                return None;
            }
        }
        for (region, pattern) in &patterns.unless {
            if pattern.is_match(self.region(*region, &at)?) {
                return None;
            }
        }
        if self.rule.is_excused_by_comment {
            let comments = &self.block.views.view(View::Comments)[self.block.range(lines.0, lines.1)];
            if !comments.trim().is_empty() {
                return None;
            }
        }
        let value = self.found.group("value");
        if value.is_some_and(|value| !(self.rule.accepts)(value)) {
            return None;
        }
        let arg = self.found.group("arg");
        let is_foreign = arg.is_some_and(|arg| flow.is_foreign(arg, lines.1));
        let (severity, confidence) = match self.rule.origin {
            Origin::Required if !is_foreign => return None,
            Origin::Raises(confidence) if is_foreign => (Severity::High, confidence),
            Origin::Ignored | Origin::Raises(_) | Origin::Required => {
                (self.rule.severity, self.rule.confidence)
            }
        };
        let mut quote = self.block.range(lines.0, lines.1);
        // A secret is recognisable by its first characters and of no use with them.
        if let (Some(value), Some(range)) = (value, self.found.group_range("value")) {
            quote.end = range.start + value.chars().take(4).map(char::len_utf8).sum::<usize>();
        }
        Some(Hit {
            rule: self.rule,
            lines,
            quote,
            severity,
            confidence,
        })
    }

    /// Where the defect stands, without white space around it.
    fn at(&self) -> Range<usize> {
        let found = self.found.group_range("at").unwrap_or_else(|| self.found.range());
        let text = &self.block.views.view(self.rule.view)[found.clone()];
        let start = found.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    /// The text of a region; `None` when the block does not hold all of it.
    fn region(&self, region: Region, at: &Range<usize>) -> Option<&str> {
        let view = self.block.views.view(self.rule.view);
        let lines = |before: usize, after: usize| {
            let first = self.block.line_at(at.start).saturating_sub(before);
            let last = self.block.line_at(at.end.max(1) - 1) + after;
            let Range { start, end } = self.block.range(first, last);
            // A line may be as long as the text.
            let start = start.max(view.floor_char_boundary(at.start.saturating_sub(MAX_REGION)));
            let end = end.min(view.ceil_char_boundary(at.end + MAX_REGION));
            &view[start..end]
        };
        match region {
            Region::Match => Some(&view[at.clone()]),
            Region::Call => call_end(&self.block.views.view(View::Bare)[at.start..])
                .map(|len| &view[at.start..at.start + len]),
            Region::Lines(before, after) => Some(lines(before, after)),
            Region::Path => Some(self.file.path.as_deref().unwrap_or_default()),
        }
    }
}

/// Farthest from a match that its surroundings or the end of its call are looked for, in bytes.
const MAX_REGION: usize = 4_096;

/// Bytes up to and including the parenthesis that closes the first one opened.
fn call_end(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate().take(MAX_REGION) {
        match byte {
            b'(' => depth += 1,
            b')' if depth <= 1 => return (depth == 1).then_some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Rules that have not matched yet.
#[cfg(test)]
pub(super) struct Silent(Vec<&'static Rule>);

#[cfg(test)]
impl Silent {
    pub(super) fn all() -> Self {
        Self(rules::all().collect())
    }

    pub(super) fn heard(&mut self, hits: &[Hit]) {
        self.0
            .retain(|rule| !hits.iter().any(|hit| std::ptr::eq(hit.rule, *rule)));
    }

    pub(super) fn claims(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|rule| format!("{} {:?} {}", rule.kind, rule.languages, rule.claim))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_complete_and_compiles() {
        for compiled in COMPILED.iter() {
            let (rule, pattern) = (compiled.rule, &compiled.patterns().pattern);
            let is_key = Pattern::plain(r"^code\.(vuln|bug|quality)\.[a-z0-9_]+$").is_match(rule.kind);
            assert!(is_key, "{}", rule.kind);
            assert!((0.0..=1.0).contains(&rule.confidence), "{}", rule.kind);
            assert!(!rule.claim.is_empty() && !rule.fix.is_empty(), "{}", rule.kind);
            assert_eq!(
                pattern.has_group("arg"),
                rule.origin != Origin::Ignored,
                "{}",
                rule.kind
            );
        }
    }

    #[test]
    fn a_call_ends_where_its_parenthesis_closes() {
        assert_eq!(call_end("f(a, (b), c) + d(e)"), Some(12));
        assert_eq!(call_end("f(a, (b)"), None);
        assert_eq!(call_end("no call"), None);
        assert_eq!(call_end(") f(x)"), None);
    }
}
