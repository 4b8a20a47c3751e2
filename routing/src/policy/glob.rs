//! Names with `*` (routing.md 3.1): matched in one pass, nothing is ever tried twice.

use std::sync::Arc;

/// Longest pattern in bytes.
pub(super) const GLOB_LEN_MAX: usize = 256;

/// A pattern is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing to match.
    #[error("an empty pattern; write `*` to match every name")]
    Empty,
    /// Over the limit.
    #[error("a pattern of {len} bytes; at most {GLOB_LEN_MAX} are allowed")]
    TooLong {
        /// Actual length in bytes.
        len: usize,
    },
}

/// A name, or a pattern in which `*` stands for any run of characters, dots included. Every other character is literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(Arc<str>);

impl Glob {
    /// Checks the length of `pattern`.
    ///
    /// # Errors
    /// [`GlobError`] when it is empty or too long.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        match pattern.len() {
            0 => Err(GlobError::Empty),
            len if len > GLOB_LEN_MAX => Err(GlobError::TooLong { len }),
            _ => Ok(Self(pattern.into())),
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names exactly one thing.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }

    /// What every matching name begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whether `name` matches as a whole.
    ///
    /// The pieces between stars are looked for from left to right, each at its first place: if a match exists, one with
    /// the earliest places exists, so no choice is ever taken back.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return *self.0 == *name;
        };
        let Some(mut left) = name.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
            match left.split_once(piece) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_stands_for_any_run() {
        assert!(matches("reviewer.*", "reviewer.local"));
        assert!(matches("reviewer.*", "reviewer."));
        assert!(!matches("reviewer.*", "reviewer"));
        assert!(matches("*", ""));
        assert!(matches("eu-*-1", "eu-west-1"));
        assert!(!matches("eu-*-1", "eu-1"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-c-b"));
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("a.b", "a.b"));
        assert!(!matches("a.b", "axb"));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(Glob::new(""), Err(GlobError::Empty));
        assert!(Glob::new(&"a".repeat(256)).is_ok());
        assert_eq!(Glob::new(&"a".repeat(257)), Err(GlobError::TooLong { len: 257 }));
    }

    /// The textbook definition, exponential and obviously right.
    fn oracle(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| oracle(rest, &name[skip..])),
            ([p, pattern @ ..], [n, name @ ..]) => p == n && oracle(pattern, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &name), oracle(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
