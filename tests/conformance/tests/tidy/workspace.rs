//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is where it was built")
}

/// What `cargo metadata` prints, as far as the rules need it.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// Every package of the dependency graph on this platform, ours included.
    pub packages: Vec<Package>,
}

/// One package.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Name in the manifest.
    pub name: String,
    /// Version.
    pub version: String,
    /// Absent for our own packages.
    pub source: Option<String>,
    /// SPDX expression.
    pub license: Option<String>,
    /// Where its manifest is.
    pub manifest_path: PathBuf,
    /// What the manifest asks for, of every kind and platform.
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// Name of the package.
    pub name: String,
}

impl Workspace {
    /// Reads the metadata. Panics when cargo refuses, in particular when the lock file is out of date.
    pub(crate) fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints what it documents")
    }

    /// Our own packages.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }

    /// Packages from a registry.
    pub(crate) fn theirs(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_some())
    }
}

impl Package {
    /// Folder relative to the root, as the documentation names the crate: `protocol`, `tests/load`.
    pub(crate) fn folder(&self) -> String {
        let folder = self.manifest_path.parent().expect("a manifest is in a folder");
        folder
            .strip_prefix(root())
            .expect("our packages are below the root")
            .display()
            .to_string()
    }
}
