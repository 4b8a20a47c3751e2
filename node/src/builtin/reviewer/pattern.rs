//! Regular expressions by ASCII classes: what rules look for is ASCII, and Unicode's tables would make the rules take
//! seventy megabytes instead of a few.
//!
//! They match bytes, so that a negated class may match part of a character; what is handed out is widened to whole ones.

use std::ops::Range;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// A compiled expression; `^` and `$` match at line ends.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// In verbose syntax: white space and `#` comments mean nothing unless escaped.
    pub(super) fn verbose(pattern: &str) -> Self {
        Self::build(RegexBuilder::new(pattern).ignore_whitespace(true))
    }

    /// As written.
    pub(super) fn plain(pattern: &str) -> Self {
        Self::build(&mut RegexBuilder::new(pattern))
    }

    fn build(builder: &mut RegexBuilder) -> Self {
        let built = builder.unicode(false).multi_line(true).build();
        Self(built.expect("patterns are constants, and each is compiled by a test"))
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// The text of each match.
    pub(super) fn find_iter<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        self.0
            .find_iter(text.as_bytes())
            .map(|found| &text[whole(text, found.range())])
    }

    pub(super) fn captures<'t>(&self, text: &'t str) -> Option<Found<'t>> {
        let captures = self.0.captures(text.as_bytes())?;
        Some(Found { text, captures })
    }

    pub(super) fn captures_iter<'t>(&self, text: &'t str) -> impl Iterator<Item = Found<'t>> {
        self.0
            .captures_iter(text.as_bytes())
            .map(move |captures| Found { text, captures })
    }

    #[cfg(test)]
    pub(super) fn has_group(&self, name: &str) -> bool {
        self.0.capture_names().flatten().any(|group| group == name)
    }
}

/// A match with its groups.
pub(super) struct Found<'t> {
    text: &'t str,
    captures: Captures<'t>,
}

impl<'t> Found<'t> {
    /// Where the whole match is.
    pub(super) fn range(&self) -> Range<usize> {
        let all = self.captures.get(0).expect("group 0 is the match");
        whole(self.text, all.range())
    }

    /// Where a group is; `None` if it took no part.
    pub(super) fn group_range(&self, name: &str) -> Option<Range<usize>> {
        self.captures
            .name(name)
            .map(|group| whole(self.text, group.range()))
    }

    /// The text of a group; `None` if it took no part.
    pub(super) fn group(&self, name: &str) -> Option<&'t str> {
        self.group_range(name).map(|range| &self.text[range])
    }
}

fn whole(text: &str, range: Range<usize>) -> Range<usize> {
    text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_that_end_inside_a_character_are_widened() {
        let pattern = Pattern::plain(r#""(?P<inner>[^"]{2})"#);
        let found = pattern.captures("a \"xéy\" b").unwrap();
        assert_eq!(found.group("inner"), Some("xé"));
        assert_eq!(
            found.group("inner"),
            Some(&"a \"xéy\""[found.group_range("inner").unwrap()])
        );
        assert_eq!(Pattern::plain(r"[^a]").find_iter("é").next(), Some("é"));
    }
}
