//! The providers' official clients, unmodified, against a node. The scripts that drive them are in `tests/system/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fixture::{Mock, Setup};

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("the package is two folders deep")
        .to_owned()
}

/// Runs a script with an interpreter that has the clients; both are named relative to the workspace.
async fn drive(interpreter: &str, installed: &str, script: &str) {
    let root = workspace();
    let missing = root.join(installed);
    assert!(
        missing.exists(),
        "{} is missing: scripts/test installs the official clients; run it instead",
        missing.display()
    );
    let mock = Mock::start();
    let models: Vec<String> = Mock::models()
        .iter()
        .map(|name| name.replace("mock", "claude"))
        .collect();
    let node = Setup::with_mock(&mock)
        .provider("anthropic", "anthropic", &mock.url(), &models)
        .start()
        .await;
    let key = node.unlimited().await;
    let output = Command::new(interpreter)
        .current_dir(&root)
        .arg(Path::new("tests/system/clients").join(script))
        .args([&node.api, &key])
        .arg(root.join("target/clients/node"))
        .output()
        .unwrap_or_else(|error| panic!("{interpreter}: {error}; scripts/test installs it"));
    assert!(
        output.status.success(),
        "{script}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(node.settled("acme").await["in_flight"], 0);
}

const PYTHON: &str = "target/clients/python/bin/python";

#[tokio::test]
async fn the_openai_client_for_python_is_served() {
    drive(PYTHON, PYTHON, "openai_client.py").await;
}

#[tokio::test]
async fn the_anthropic_client_for_python_is_served() {
    drive(PYTHON, PYTHON, "anthropic_client.py").await;
}

#[tokio::test]
async fn the_openai_client_for_node_is_served() {
    drive(
        "node",
        "target/clients/node/node_modules/openai",
        "openai_client.mjs",
    )
    .await;
}
