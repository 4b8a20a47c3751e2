//! `atp-node run --check`, the program itself.

use std::process::{Command, Output};

fn check(text: &str) -> Output {
    let dir = tempfile::tempdir().expect("temporary files can be written");
    let config = dir.path().join("node.toml");
    let text = text.replace("HERE", &dir.path().display().to_string());
    std::fs::write(&config, text).expect("temporary files can be written");
    Command::new(env!("CARGO_BIN_EXE_node-under-test"))
        .args(["run", "--check", "--config"])
        .arg(&config)
        .env_clear()
        .output()
        .expect("the node's binary can be run")
}

#[test]
fn problems_are_told_one_a_line_with_exit_code_2() {
    let good = check("[node]\ndata_dir = \"HERE/data\"\n");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let bad = "[node]\ndata_dir = \"HERE/data\"\n[auth]\nadmin_key = \"env:NOT_SET\"\n[policy]\nfile = \"HERE/none.yaml\"\n";
    let bad = check(bad);
    let told = String::from_utf8_lossy(&bad.stderr);
    assert_eq!(bad.status.code(), Some(2), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains("auth.admin_key: env:NOT_SET"), "{told}");
    assert!(lines[1].contains("policy.file: cannot read"), "{told}");
    assert_eq!(check("[node]\nlisten_on = 1\n").status.code(), Some(2));
}
