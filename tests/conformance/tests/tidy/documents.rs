//! What the documentation must say for the code to be found in it.

use std::fs;

use super::source::report;
use super::workspace::{Workspace, root};

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_crate_is_on_the_code_map() {
    let map = page("docs/architecture.md");
    let complaints: Vec<String> = Workspace::read()
        .ours()
        .map(super::workspace::Package::folder)
        .filter(|folder| !map.contains(&format!("\n### `{folder}`")))
        .collect();
    report("crates without a section in docs/architecture.md", &complaints);
}
