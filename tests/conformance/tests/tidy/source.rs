//! The files of the project, without what is built, fetched or checked out beside them.

use std::fs;
use std::path::Path;

use super::workspace::root;

/// Folders whose content is not ours.
const SKIPPED: &[&str] = &["target", "data", "node_modules", "__pycache__"];

/// One text file.
pub(crate) struct File {
    /// Path from the root, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

impl File {
    /// Whether it holds tests and nothing else.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/conformance/tests/spec/")
            || self
                .path
                .split('/')
                .any(|part| part == "tests" || part == "tests.rs")
                && !self.path.starts_with("tests/")
    }
}

/// Every text file whose name ends in one of `extensions`, sorted by path.
pub(crate) fn files(extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", extensions, &mut found);
    assert!(!found.is_empty(), "no file ends in {extensions:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Everything in `scripts`.
pub(crate) fn scripts() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join("scripts"), "scripts/", &[""], &mut found);
    found
}

fn walk(folder: &Path, prefix: &str, extensions: &[&str], found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the project is readable") {
        let entry = entry.expect("an entry of the folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type().expect("an entry has a type").is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), extensions, found);
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(File { path, text });
        }
    }
}

/// Fails with all `complaints`, one a line.
pub(crate) fn report(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}
