//! Finds what is to be reviewed in a conversation: a diff, fenced code, or the text itself.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::diff;
use super::language::Language;
use super::source::SourceFile;
use crate::builtin::material;

/// What was found.
pub(super) struct Input {
    /// Files in the order they appear.
    pub files: Vec<SourceFile>,
    /// Files of a diff that could not be read, and why.
    pub skipped: Vec<String>,
}

/// Reads the conversation's text. A diff wins over fenced code, fenced code over the text as a whole.
pub(super) fn read(text: &str) -> Input {
    if diff::is_diff(text) {
        return diff::read(text);
    }
    let mut files = fenced(text);
    if files.is_empty() {
        let body = material::without_instruction(text);
        files.push(SourceFile::whole(None, Language::of(None, body), body));
    }
    Input {
        files,
        skipped: Vec::new(),
    }
}

/// Every fenced block as a file; the line before the fence may name it.
fn fenced(text: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut open: Option<(String, Option<String>, String)> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let path = path_in(&info).or_else(|| path_in(last_line(&text[..range.start])));
                let word = info.split([' ', ',', ':']).next().unwrap_or_default();
                open = Some((word.to_owned(), path, String::new()));
            }
            Event::Text(part) => {
                if let Some((.., body)) = &mut open {
                    body.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((word, path, body)) = open.take() {
                    let language = match &path {
                        Some(path) => Language::of(Some(path), &body),
                        None => Language::of_fence(&word, &body),
                    };
                    files.push(SourceFile::whole(path, language, &body));
                }
            }
            _ => {}
        }
    }
    files
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().next_back().unwrap_or_default()
}

/// The first word that looks like a file with an extension.
fn path_in(line: &str) -> Option<String> {
    line.split([' ', '=', ','])
        .map(|word| word.trim_matches(['`', '"', '\'', '*', '(', ')', ':', '#']))
        .find(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            let is_path = word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-/+@".contains(&b));
            is_path
                && name.rsplit_once('.').is_some_and(|(stem, extension)| {
                    !stem.is_empty()
                        && (1..=6).contains(&extension.len())
                        && extension.bytes().any(|b| b.is_ascii_lowercase())
                })
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Option<String>, Language, String)> {
        read(text)
            .files
            .into_iter()
            .map(|file| (file.path, file.language, file.blocks[0].text().to_owned()))
            .collect()
    }

    #[test]
    fn fenced_blocks_are_files_named_by_the_line_before() {
        let text = "Please review `src/app.py`:\n\n```python\nx = 1\n```\n\nand\n\n```go\nx := 1\n```\n";
        assert_eq!(
            found(text),
            [
                (
                    Some("src/app.py".to_owned()),
                    Language::Python,
                    "x = 1\n".to_owned()
                ),
                (None, Language::Go, "x := 1\n".to_owned()),
            ]
        );
    }

    #[test]
    fn a_plain_file_is_read_whole_without_the_instruction() {
        let code = "import os\n\ndef main():\n    pass\n";
        assert_eq!(
            found(&format!("Review this file:\n\n{code}")),
            [(None, Language::Python, code.trim_end().to_owned())]
        );
    }
}
