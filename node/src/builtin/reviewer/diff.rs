//! Unified diffs to files with the lines they add.

use std::sync::LazyLock;

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};

use super::input::Input;
use super::language::Language;
use super::pattern::Pattern;
use super::source::{Block, Line, SourceFile};

static HEADER: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::plain(r"^--- \S.*\r?\n\+\+\+ \S.*\r?\n@@ -\d+(,\d+)? \+\d+(,\d+)? @@"));

static HUNK: LazyLock<Pattern> =
    LazyLock::new(|| Pattern::plain(r"^@@ -(?P<old>\d+)(?:,\d+)? \+(?P<new>\d+)(?:,\d+)? @@(?P<rest>.*)$"));

/// Whether the text holds a unified diff, alone or among other words.
pub(super) fn is_diff(text: &str) -> bool {
    HEADER.is_match(text)
}

/// Reads every file of a diff. One that does not parse is skipped and named, the others are still reviewed; deleted and
/// binary files have nothing to review.
///
/// Hunks whose header counts other lines than follow it, as in diffs that a model wrote, are read by their lines.
pub(super) fn read(text: &str) -> Input {
    // A last line without an end is a header cut short to the parser.
    let text = format!("{}\n", text.replace("\r\n", "\n"));
    let input = parse(&text);
    if input.skipped.is_empty() {
        return input;
    }
    let recounted = parse(&recount(&text));
    if recounted.skipped.len() < input.skipped.len() {
        recounted
    } else {
        input
    }
}

fn parse(text: &str) -> Input {
    let mut input = Input {
        files: Vec::new(),
        skipped: Vec::new(),
    };
    for patch in PatchSet::parse(text, ParseOptions::unidiff()) {
        match patch {
            Ok(patch) => {
                if let (Some(path), Some(hunks)) = (new_path(patch.operation()), patch.patch().as_text()) {
                    input.files.push(file(path, hunks.hunks()));
                }
            }
            Err(error) => input.skipped.push(error.to_string()),
        }
    }
    input
}

/// The diff with every hunk header counting the lines that follow it.
fn recount(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    for (at, line) in lines.iter().enumerate() {
        match HUNK.captures(line) {
            Some(header) => {
                let (old, new) = counts(&lines[at + 1..]);
                out.push_str(&format!(
                    "@@ -{},{old} +{},{new} @@{}",
                    header.group("old").unwrap_or_default(),
                    header.group("new").unwrap_or_default(),
                    header.group("rest").unwrap_or_default(),
                ));
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Old and new lines of the hunk whose body starts here.
fn counts(lines: &[&str]) -> (usize, usize) {
    let (mut old, mut new) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        if line.starts_with("--- ") && next.starts_with("+++ ") {
            break;
        }
        match line.bytes().next() {
            Some(b'+') => new += 1,
            Some(b'-') => old += 1,
            Some(b' ') => (old, new) = (old + 1, new + 1),
            Some(b'\\') => {}
            // An editor may have stripped the space of an empty context line, but not before the next file.
            None if next.starts_with([' ', '+', '-']) && !next.starts_with("--- ") => {
                (old, new) = (old + 1, new + 1);
            }
            _ => break,
        }
    }
    (old, new)
}

/// The path after the change; `None` for a deletion.
fn new_path(operation: &FileOperation<'_, str>) -> Option<String> {
    let path = match operation {
        FileOperation::Delete(_) => return None,
        FileOperation::Create(path) => path,
        FileOperation::Modify { modified, .. } => modified,
        FileOperation::Rename { to, .. } | FileOperation::Copy { to, .. } => to,
    };
    Some(path.strip_prefix("b/").unwrap_or(path).to_owned())
}

fn file(path: String, hunks: &[diffy::Hunk<'_, str>]) -> SourceFile {
    let mut parts = Vec::with_capacity(hunks.len());
    let mut language = None;
    for hunk in hunks {
        let (mut text, mut lines) = (String::new(), Vec::new());
        for line in hunk.lines() {
            let (content, is_added) = match line {
                diffy::Line::Context(content) => (content, false),
                diffy::Line::Insert(content) => (content, true),
                diffy::Line::Delete(_) => continue,
            };
            lines.push(Line {
                number: hunk.new_range().start() + lines.len(),
                is_added,
            });
            text.push_str(content.strip_suffix('\n').unwrap_or(content));
            text.push('\n');
        }
        language.get_or_insert_with(|| Language::of(Some(&path), &text));
        parts.push((text, lines));
    }
    let language = language.unwrap_or(Language::Other);
    SourceFile {
        path: Some(path),
        language,
        blocks: parts
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(text, lines)| Block::new(language, &text, lines))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIFF: &str = "Please look at this:\n\n```diff\ndiff --git a/app/a.py b/app/a.py\nindex 1..2 100644\n--- a/app/a.py\n+++ b/app/a.py\n@@ -10,3 +10,4 @@ def f():\n one\n-two\n+zwei\n+drei\n three\n@@ -30 +31 @@\n-x\n+y\n--- a/gone.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n--- /dev/null\n+++ b/new.rs\n@@ -0,0 +1,2 @@\n+fn f() {}\n+fn g() {}\n```\n";

    #[test]
    fn added_lines_keep_their_numbers_in_the_new_file() {
        assert!(is_diff(DIFF));
        let input = read(DIFF);
        assert!(input.skipped.is_empty(), "{:?}", input.skipped);
        let added: Vec<(String, usize, &str)> = input
            .files
            .iter()
            .flat_map(|file| file.blocks.iter().map(move |block| (file, block)))
            .flat_map(|(file, block)| {
                block
                    .lines
                    .iter()
                    .zip(block.text().lines())
                    .filter(|(line, _)| line.is_added)
                    .map(|(line, text)| (file.path.clone().unwrap(), line.number, text))
            })
            .collect();
        assert_eq!(
            added,
            [
                ("app/a.py".to_owned(), 11, "zwei"),
                ("app/a.py".to_owned(), 12, "drei"),
                ("app/a.py".to_owned(), 31, "y"),
                ("new.rs".to_owned(), 1, "fn f() {}"),
                ("new.rs".to_owned(), 2, "fn g() {}"),
            ]
        );
        assert_eq!(input.files[0].language, Language::Python);
    }

    #[test]
    fn miscounted_hunks_are_read_by_their_lines() {
        let wrong = "--- a/x.py\n+++ b/x.py\n@@ -1,9 +5,9 @@ def f():\n one\n+two\n\n three\n--- a/y.py\n+++ b/y.py\n@@ -1 +1 @@\n-a\n+b\n";
        let input = read(wrong);
        assert!(input.skipped.is_empty(), "{:?}", input.skipped);
        assert_eq!(input.files[0].blocks[0].text(), "one\ntwo\n\nthree\n");
        assert_eq!(
            input.files[0].blocks[0].lines[1],
            Line {
                number: 6,
                is_added: true
            }
        );
        assert_eq!(input.files[1].path.as_deref(), Some("y.py"));
    }

    #[test]
    fn a_broken_file_is_named_and_the_rest_reviewed() {
        let broken = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -9 +1 @@\n-x\n+one\n@@ -1 +1 @@\n-x\n+y\ndiff --git a/y.py b/y.py\n--- a/y.py\n+++ b/y.py\n@@ -1 +1 @@\n-a\n+b\n";
        let input = read(broken);
        assert_eq!(input.skipped.len(), 1);
        assert_eq!(input.files.len(), 1);
        assert_eq!(input.files[0].path.as_deref(), Some("y.py"));
    }

    proptest! {
        #[test]
        fn any_text_reads_without_panic(text in "((--- a|\\+\\+\\+ b|@@ -1(,2)? \\+1(,99999999999999999999)? @@|[-+ ]x|\\\\ No newline at end of file|)\n){0,12}") {
            let _ = read(&text);
        }
    }
}
