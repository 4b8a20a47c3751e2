//! Which crate may name which library, and where versions are written.

use std::fs;

use super::source::{files, report};
use super::workspace::{Workspace, root};

/// Libraries with an owner. A name ending in `*` stands for all that begin so. Tests of whole nodes may use any of them.
const OWNED: &[(&str, &[&str], &str)] = &[
    (
        "tokio*",
        &["atp-actors", "atp-consensus", "atp-node"],
        "pure crates take time and input as arguments",
    ),
    (
        "futures*",
        &["atp-actors", "atp-consensus", "atp-node"],
        "pure crates do not wait",
    ),
    (
        "actix*",
        &["atp-actors", "atp-node"],
        "actors live in one crate, node serves HTTP with actix-web",
    ),
    ("hyper*", &["atp-node"], "only node knows sockets"),
    ("http*", &["atp-node"], "only node speaks HTTP"),
    ("tonic*", &["atp-node"], "only node knows sockets"),
    ("rustls*", &["atp-node"], "only node speaks TLS"),
    (
        "tracing-*",
        &["atp-node"],
        "where logs and traces go is node's to decide",
    ),
    ("metrics-*", &["atp-node"], "where metrics go is node's to decide"),
    (
        "opentelemetry*",
        &["atp-node"],
        "where traces go is node's to decide",
    ),
    (
        "bincode",
        &["atp-protocol"],
        "the encoding of journals can be replaced in one file",
    ),
    (
        "rand",
        &["atp-consensus"],
        "randomness is the environment's; openraft asks for a generator through this trait",
    ),
    (
        "reqwest",
        &[],
        "the HTTP client is hyper; a second one costs microseconds and minutes",
    ),
    (
        "openraft",
        &["atp-consensus"],
        "a later release of it changes one crate",
    ),
    (
        "redb",
        &["atp-storage"],
        "what durable bytes lie in is storage's to decide",
    ),
    (
        "chitchat",
        &["atp-node"],
        "gossip gives hints to the edge, never to a decision",
    ),
];

/// Libraries that one file alone may name.
const ONE_FILE: &[(&str, &str)] = &[("bincode", "protocol/src/encoding.rs")];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

#[test]
fn libraries_are_named_only_by_their_owners() {
    let mut complaints = Vec::new();
    for package in Workspace::read()
        .ours()
        .filter(|package| !package.folder().starts_with("tests/"))
    {
        for dependency in &package.dependencies {
            for (pattern, owners, reason) in OWNED {
                if matches(pattern, &dependency.name) && !owners.contains(&package.name.as_str()) {
                    complaints.push(format!("{} names {}: {reason}", package.name, dependency.name));
                }
            }
        }
    }
    report("libraries with an owner", &complaints);
}

#[test]
fn libraries_of_one_file_are_named_there_alone() {
    let mut complaints = Vec::new();
    for (library, owner) in ONE_FILE {
        for file in files(&[".rs"]) {
            let names_it = ["::", ";"]
                .iter()
                .any(|end| file.text.contains(&format!("{library}{end}")));
            if names_it && file.path != *owner && !file.path.starts_with("tests/conformance/tests/tidy/") {
                complaints.push(format!("{} names {library}, which belongs to {owner}", file.path));
            }
        }
    }
    report("libraries named in one file", &complaints);
}

#[test]
fn versions_and_lints_are_written_once() {
    let mut complaints = Vec::new();
    for package in Workspace::read().ours() {
        let text = fs::read_to_string(&package.manifest_path).expect("a manifest is readable");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(kind).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in table {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    complaints.push(format!("{}: {name} has a version of its own", package.name));
                }
            }
        }
        if !manifest.contains_key("lints") {
            complaints.push(format!("{} has no lints", package.name));
        }
    }
    report("the root manifest holds versions and lints", &complaints);
}

#[test]
fn every_version_in_the_root_manifest_is_used() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the root manifest is readable");
    let manifest: toml::Table = text.parse().expect("the root manifest is TOML");
    let listed = manifest["workspace"]["dependencies"].as_table().expect("a table");
    let workspace = Workspace::read();
    let complaints: Vec<String> = listed
        .keys()
        .filter(|name| {
            !workspace
                .ours()
                .flat_map(|package| &package.dependencies)
                .any(|dependency| dependency.name == **name)
        })
        .cloned()
        .collect();
    report("versions nobody asks for", &complaints);
}
