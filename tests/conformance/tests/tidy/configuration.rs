//! docs/configuration.md against the structs it describes, and those against the code that reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::{Fields, GenericArgument, Item, PathArguments, Type};

use super::source::{files, report};
use super::workspace::root;

const STRUCTS: &[&str] = &[
    "node/src/config/cluster.rs",
    "node/src/config/file.rs",
    "node/src/config/kept.rs",
    "node/src/config/telemetry.rs",
];
const PAGE: &str = "docs/configuration.md";

/// Keys whose only effect is that a configuration is accepted or refused.
const CHECKED_ONLY: &[&str] = &["insecure_dev"];

/// The names of fields with their types, by struct.
type Structs = BTreeMap<String, Vec<(String, Type)>>;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn structs() -> Structs {
    let parse = |path: &&str| syn::parse_file(&read(path)).expect("the sources are Rust");
    let items = STRUCTS.iter().flat_map(|path| parse(path).items);
    let named = items.filter_map(|item| match item {
        Item::Struct(item) => match item.fields {
            Fields::Named(fields) => Some((item.ident.to_string(), fields.named)),
            Fields::Unnamed(_) | Fields::Unit => None,
        },
        _ => None,
    });
    let field = |field: syn::Field| {
        (
            field.ident.map(|name| name.to_string()).unwrap_or_default(),
            field.ty,
        )
    };
    named
        .map(|(name, fields)| (name, fields.into_iter().map(field).collect()))
        .collect()
}

/// The names in a type, outermost first: `Option<TlsConfig>` gives `Option`, `TlsConfig`.
fn names(of: &Type, found: &mut Vec<String>) {
    let Type::Path(path) = of else { return };
    for segment in &path.path.segments {
        found.push(segment.ident.to_string());
        if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
            for argument in &arguments.args {
                if let GenericArgument::Type(inner) = argument {
                    names(inner, found);
                }
            }
        }
    }
}

/// Every key as (heading, name), headings written as in the page.
fn keys() -> BTreeSet<(String, String)> {
    let mut keys = BTreeSet::new();
    collect(&structs(), "Config", "", "Top level", &mut keys);
    keys
}

/// The keys of one section and of those inside it.
fn collect(structs: &Structs, of: &str, path: &str, heading: &str, keys: &mut BTreeSet<(String, String)>) {
    for (name, of) in &structs[of] {
        let mut inside = Vec::new();
        names(of, &mut inside);
        let Some(section) = inside.iter().find(|inner| structs.contains_key(*inner)) else {
            keys.insert((heading.to_owned(), name.clone()));
            continue;
        };
        let path = format!("{path}{name}");
        let heading = match inside[0].as_str() {
            "Vec" => format!("`[[{path}]]`"),
            "BTreeMap" => format!("`[{path}.<name>]`"),
            _ => format!("`[{path}]`"),
        };
        collect(structs, section, &format!("{path}."), &heading, keys);
    }
}

/// Every row of the page as (heading, name).
fn rows() -> BTreeSet<(String, String)> {
    let mut heading = String::new();
    let mut rows = BTreeSet::new();
    for line in read(PAGE).lines() {
        if let Some(text) = line.strip_prefix("## ") {
            text.clone_into(&mut heading);
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            rows.insert((heading.clone(), key.to_owned()));
        }
    }
    rows
}

#[test]
fn every_key_is_on_the_page_and_nothing_else() {
    let (keys, rows) = (keys(), rows());
    let show = |what: &str, (heading, key): &(String, String)| format!("{what} {heading} {key}");
    let missing = keys.difference(&rows).map(|key| show("missing:", key));
    let stale = rows.difference(&keys).map(|key| show("not a key:", key));
    report(PAGE, &missing.chain(stale).collect::<Vec<_>>());
}

#[test]
fn every_key_has_an_effect() {
    let code: String = files(&[".rs"])
        .into_iter()
        .filter(|file| file.path.starts_with("node/src/") && !file.path.starts_with("node/src/config/"))
        .map(|file| file.text)
        .collect();
    let complaints: Vec<String> = keys()
        .into_iter()
        .filter(|(_, key)| !CHECKED_ONLY.contains(&key.as_str()))
        .filter(|(_, key)| !code.contains(&format!(".{key}")))
        .map(|(heading, key)| format!("{heading} {key}"))
        .collect();
    report("keys that node reads and ignores", &complaints);
}
