//! What the documentation must say for the code to be found in it.

use std::fs;

use atp_protocol::error::Code;

use super::source::{files, report};
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

#[test]
fn every_metric_is_explained_to_operators() {
    let names = page("actors/src/metrics/names.rs");
    let catalogue = names
        .split("CATALOGUE")
        .nth(1)
        .and_then(|rest| rest.split("];").next());
    let quoted = catalogue
        .expect("the catalogue is a list")
        .split('"')
        .skip(1)
        .step_by(2);
    let rows = page("docs/operators.md");
    let complaints: Vec<String> = quoted
        .filter(|text| text.contains('_') && !text.contains(' '))
        .filter(|name| !rows.contains(&format!("\n| `{name}` |")))
        .map(str::to_owned)
        .collect();
    report("metrics without a row in docs/operators.md", &complaints);
}

#[test]
fn every_error_is_explained_to_clients() {
    let rows = page("docs/client-developers.md");
    let complaints: Vec<String> = Code::ALL
        .iter()
        .map(|code| {
            let row = code.row();
            format!("| `{code}` | {} | `{}` | `{}` |", row.status, row.slug, row.error)
        })
        .filter(|row| !rows.contains(&format!("\n{row}")))
        .collect();
    report("rows missing in docs/client-developers.md", &complaints);
}

/// Paths that a surface serves, as the code names them.
fn served(code: &str) -> Vec<String> {
    let ways = [".route(\"", "at(\"", "resource(\""];
    let after = ways.iter().flat_map(|way| code.split(way).skip(1));
    let path = |rest: &str| rest.split('"').next().map(|path| path.replace(":.+}", "}"));
    after
        .filter_map(path)
        .filter(|path| path.starts_with('/'))
        .collect()
}

#[test]
fn every_endpoint_is_on_a_page() {
    let pages = ["docs/client-developers.md", "docs/operators.md"]
        .map(page)
        .concat();
    let mut complaints = Vec::new();
    for file in files(&[".rs"])
        .iter()
        .filter(|file| file.path.starts_with("node/src/surfaces/"))
    {
        for path in served(&file.text) {
            // The query belongs to the row, not to the path.
            if ![format!(" {path}`"), format!(" {path}?")]
                .iter()
                .any(|text| pages.contains(text))
            {
                complaints.push(format!("{path} ({})", file.path));
            }
        }
    }
    report("endpoints on neither page", &complaints);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut complaints = Vec::new();
    for file in files(&[".md"])
        .iter()
        .filter(|file| !file.path.starts_with("tests/fixtures/"))
    {
        let folder = root()
            .join(&file.path)
            .parent()
            .expect("a file is in a folder")
            .to_owned();
        for link in file
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or(link);
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                complaints.push(format!("{}: {link}", file.path));
            }
        }
    }
    report("links that lead nowhere", &complaints);
}
