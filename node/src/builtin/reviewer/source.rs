//! Reviewed text, with its lines' numbers in the file it comes from.

use super::language::Language;
use super::mask::Views;

/// A file, or the parts of it that a diff shows.
pub(super) struct SourceFile {
    /// Path from the diff or the conversation; `None` when neither names one.
    pub path: Option<String>,
    /// What it is written in.
    pub language: Language,
    /// Runs of consecutive lines, in order.
    pub blocks: Vec<Block>,
}

/// Consecutive lines of a file's new version.
pub(super) struct Block {
    /// The lines in several lights.
    pub views: Views,
    /// One per line of the text.
    pub lines: Vec<Line>,
    /// Byte offset at which each line starts.
    starts: Vec<usize>,
}

/// A line's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1, in the new version of the file.
    pub number: usize,
    /// Whether the diff adds it; every line of a plain file counts as added.
    pub is_added: bool,
}

impl SourceFile {
    /// A whole file whose every line is under review.
    pub(super) fn whole(path: Option<String>, language: Language, text: &str) -> Self {
        let lines = (1..=text.lines().count())
            .map(|number| Line {
                number,
                is_added: true,
            })
            .collect();
        Self {
            path,
            language,
            blocks: vec![Block::new(language, text, lines)],
        }
    }

    /// Lines under review.
    pub(super) fn added(&self) -> usize {
        self.blocks
            .iter()
            .flat_map(|block| &block.lines)
            .filter(|line| line.is_added)
            .count()
    }

    /// Whether the path says that the file only tests, shows or imitates.
    pub(super) fn is_test(&self) -> bool {
        self.path.as_deref().is_some_and(|path| {
            let lower = path.to_lowercase();
            lower.split(['/', '.', '_', '-']).any(|part| {
                matches!(
                    part,
                    "test"
                        | "tests"
                        | "testing"
                        | "spec"
                        | "specs"
                        | "fixtures"
                        | "testdata"
                        | "mock"
                        | "mocks"
                        | "example"
                        | "examples"
                        | "bench"
                        | "benches"
                )
            })
        })
    }
}

impl Block {
    /// `lines`: the place of each line of `text`, in order.
    pub(super) fn new(language: Language, text: &str, lines: Vec<Line>) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            views: Views::of(language, text),
            lines,
            starts,
        }
    }

    /// The text as it stands.
    pub(super) fn text(&self) -> &str {
        self.views.raw()
    }

    /// Index of the line that holds byte `at`.
    pub(super) fn line_at(&self, at: usize) -> usize {
        let index = self.starts.partition_point(|&start| start <= at) - 1;
        index.min(self.lines.len().saturating_sub(1))
    }

    /// Byte range of lines `first..=last`, cut to what there is, without the last line end.
    pub(super) fn range(&self, first: usize, last: usize) -> std::ops::Range<usize> {
        let start = self.starts[first.min(self.starts.len() - 1)];
        let end = self
            .starts
            .get(last.saturating_add(1))
            .map_or(self.text().len(), |next| next - 1);
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_lines_map_to_each_other() {
        let file = SourceFile::whole(None, Language::Other, "ab\n\ncd\n");
        let block = &file.blocks[0];
        assert_eq!(
            (
                block.line_at(0),
                block.line_at(2),
                block.line_at(3),
                block.line_at(4)
            ),
            (0, 0, 1, 2)
        );
        assert_eq!(block.line_at(7), 2);
        assert_eq!(&block.text()[block.range(0, 0)], "ab");
        assert_eq!(&block.text()[block.range(1, 2)], "\ncd");
        assert_eq!(&block.text()[block.range(2, 99)], "cd\n");
        assert_eq!(file.added(), 3);
    }

    #[test]
    fn tests_are_told_by_their_path() {
        let is_test = |path: &str| SourceFile::whole(Some(path.to_owned()), Language::Other, "").is_test();
        assert!(is_test("src/foo_test.go") && is_test("tests/a.rs") && is_test("web/login.spec.ts"));
        assert!(!is_test("src/latest.py") && !is_test("src/contest/entry.py"));
    }
}
