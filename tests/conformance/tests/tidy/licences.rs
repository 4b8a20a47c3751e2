//! The licences of what we link.

use spdx::{Expression, ParseMode};

use super::source::report;
use super::workspace::{Workspace, root};

/// Permissive licences, compatible with our own Apache-2.0 in source and binary form.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether the licences of `ALLOWED` are enough to satisfy `expression`.
fn is_allowed(expression: &str) -> Result<bool, String> {
    let parsed = Expression::parse_mode(expression, ParseMode::LAX).map_err(|error| error.to_string())?;
    Ok(parsed.evaluate(|requirement| {
        requirement
            .license
            .id()
            .is_some_and(|licence| ALLOWED.contains(&licence.name))
    }))
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let mut complaints = Vec::new();
    for package in Workspace::read().theirs() {
        let name = format!("{} {}", package.name, package.version);
        match package.license.as_deref().map(is_allowed) {
            None => complaints.push(format!("{name} states no licence")),
            Some(Err(error)) => complaints.push(format!("{name}: {error}")),
            Some(Ok(false)) => {
                complaints.push(format!(
                    "{name} is under {}",
                    package.license.as_deref().unwrap_or("")
                ));
            }
            Some(Ok(true)) => {}
        }
    }
    report("licences that are not on the list", &complaints);
}

#[test]
fn copyleft_is_refused_and_a_choice_is_enough() {
    for refused in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "MPL-2.0"] {
        assert_eq!(is_allowed(refused), Ok(false), "{refused}");
    }
    for allowed in [
        "MIT/Apache-2.0",
        "LGPL-2.1-or-later OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert_eq!(is_allowed(allowed), Ok(true), "{allowed}");
    }
}

#[test]
fn our_own_licence_is_the_one_the_manifests_name() {
    let text = std::fs::read_to_string(root().join("LICENSE")).expect("LICENSE is readable");
    assert!(text.contains("Apache License") && text.contains("Version 2.0, January 2004"));
    for package in Workspace::read().ours() {
        assert_eq!(package.license.as_deref(), Some("Apache-2.0"), "{}", package.name);
    }
}
