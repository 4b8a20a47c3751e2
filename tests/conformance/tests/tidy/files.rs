//! Shape of single files: length, headers, empty tests.

use super::source::{File, files, report, scripts};

/// Beyond this a file has a reason, or a seam that nobody looked for.
const LINES_MAX: usize = 500;

/// Longer files, each with its reason.
const LONG: &[(&str, &str)] = &[(
    "routing/src/reconcile/tests.rs",
    "every strategy on the same lanes, so that their differences stand side by side",
)];

#[test]
fn no_file_is_long_without_a_reason() {
    let mut complaints = Vec::new();
    let mut excused = Vec::new();
    for file in files(&[".rs"]) {
        let lines = file.text.lines().count();
        let reason = LONG.iter().find(|(path, _)| *path == file.path);
        match (lines > LINES_MAX, reason) {
            (true, None) => complaints.push(format!("{} has {lines} lines", file.path)),
            (true, Some((path, _))) => excused.push(*path),
            (false, _) => {}
        }
    }
    for (path, _) in LONG.iter().filter(|(path, _)| !excused.contains(path)) {
        complaints.push(format!("{path} needs no exception"));
    }
    report(&format!("files of more than {LINES_MAX} lines"), &complaints);
}

#[test]
fn every_module_outside_tests_begins_with_what_it_is() {
    let complaints: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(|file| !file.is_test())
        .filter(|file| {
            let header = file
                .text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("//! "));
            header.is_none_or(|header| header.to_lowercase().contains("in progress"))
        })
        .map(|file| file.path)
        .collect();
    report("files whose first line is not a module doc", &complaints);
}

/// Files that cargo finds by itself, or a macro lists.
fn is_root(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let by_folder = ["/src/bin/", "/benches/", "/fuzz/", "/tests/spec/vectors/"];
    ["lib.rs", "main.rs", "build.rs"].contains(&name)
        || by_folder.iter().any(|folder| path.contains(folder))
        || path.rsplit('/').nth(1) == Some("tests") && path.starts_with("tests/")
}

/// Files that `file` names by their path, as test binaries do with what they share.
fn named_by_path(file: &File) -> Vec<String> {
    let attributes = file.text.split("\n#[path = \"").skip(1);
    let paths = attributes.filter_map(|rest| rest.split('"').next());
    let resolved = paths.map(|path| {
        let mut parts: Vec<&str> = file.path.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    });
    resolved.collect()
}

#[test]
fn every_file_is_a_module_of_its_parent() {
    let sources = files(&[".rs"]);
    let names_it = |parent: &str, module: &str| {
        sources
            .iter()
            .filter(|file| file.path == parent)
            .any(|file| file.text.contains(&format!("mod {module};")))
    };
    let named: Vec<String> = sources.iter().flat_map(named_by_path).collect();
    let mut complaints = Vec::new();
    let others = |file: &&File| !is_root(&file.path) && !named.contains(&file.path);
    for file in sources.iter().filter(others) {
        let path = file.path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let (folder, module) = path.rsplit_once('/').unwrap_or(("", path));
        let parents = ["/mod.rs", "/lib.rs", "/main.rs", ".rs"].map(|end| format!("{folder}{end}"));
        if !parents.iter().any(|parent| names_it(parent, module)) {
            complaints.push(file.path.clone());
        }
    }
    report("files that nothing compiles", &complaints);
}

#[test]
fn every_vector_file_is_tested() {
    let complaints: Vec<String> = files(&[".rs"])
        .into_iter()
        .filter(|file| file.path.starts_with("tests/conformance/tests/spec/vectors/"))
        .filter(|file| !file.text.contains("#[test]"))
        .map(|file| file.path)
        .collect();
    report("vector modules without a test", &complaints);
}

#[test]
fn scripts_stop_at_the_first_error() {
    let complaints: Vec<String> = scripts()
        .into_iter()
        .filter(|file| {
            !file.text.starts_with("#!/usr/bin/env bash\n# ") || !file.text.contains("\nset -euo pipefail\n")
        })
        .map(|file| file.path)
        .collect();
    report("scripts without header or `set -euo pipefail`", &complaints);
}
