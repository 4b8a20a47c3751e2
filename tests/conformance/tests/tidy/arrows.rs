//! Which of our crates may depend on which: docs/architecture.md, "code map".

use super::source::report;
use super::workspace::Workspace;

/// Each product crate with those it may name, for code and tests alike. A new arrow is a decision: docs/adr/0001.
const ARROWS: &[(&str, &[&str])] = &[
    ("atp-protocol", &[]),
    ("atp-routing", &["atp-protocol"]),
    ("atp-storage", &[]),
    ("atp-consensus", &["atp-protocol", "atp-routing", "atp-storage"]),
    ("atp-actors", &["atp-consensus", "atp-protocol", "atp-routing"]),
    (
        "atp-node",
        &[
            "atp-actors",
            "atp-consensus",
            "atp-protocol",
            "atp-routing",
            "atp-storage",
        ],
    ),
];

/// Crates that only test: they may name any crate, and no product crate may name them.
const TESTS: &[&str] = &["atp-conformance", "atp-load", "atp-system"];

#[test]
fn crates_depend_only_on_those_below_them() {
    let workspace = Workspace::read();
    let mut complaints = Vec::new();
    for package in workspace.ours() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            if !TESTS.contains(&package.name.as_str()) {
                complaints.push(format!("{} has no place in the drawing", package.name));
            }
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if workspace.ours().any(|ours| ours.name == name) && !allowed.contains(&name) {
                complaints.push(format!("{} must not depend on {name}", package.name));
            }
        }
    }
    report("arrows between crates point down", &complaints);
}

#[test]
fn the_drawing_names_no_crate_that_is_gone() {
    let workspace = Workspace::read();
    let complaints: Vec<String> = ARROWS
        .iter()
        .map(|(name, _)| *name)
        .chain(TESTS.iter().copied())
        .filter(|name| !workspace.ours().any(|package| package.name == *name))
        .map(str::to_owned)
        .collect();
    report("crates in the drawing but not in the workspace", &complaints);
}
