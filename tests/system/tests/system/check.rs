//! `atp-node run --check`, the program itself.

use std::process::{Command, Output};

fn check(text: &str) -> Output {
    run(text, &["run", "--check", "--config"])
}

fn run(text: &str, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("temporary files can be written");
    let config = dir.path().join("node.toml");
    let text = text.replace("HERE", &dir.path().display().to_string());
    std::fs::write(&config, text).expect("temporary files can be written");
    Command::new(env!("CARGO_BIN_EXE_node-under-test"))
        .args(args)
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

#[test]
fn a_start_on_a_bad_configuration_ends_with_64() {
    let node = "[node]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"HERE/data\"\n";
    let free = "in_usd_micros_per_million = 0\nout_usd_micros_per_million = 0\n";
    for bad in [
        "[tls]\ncert = \"HERE/none.pem\"\nkey = \"HERE/none.pem\"\n".to_owned(),
        format!(
            "[[providers]]\nid = \"up\"\nkind = \"openai\"\nurl = \"ftp://127.0.0.1/v1\"\n[prices.up]\n{free}"
        ),
    ] {
        let ended = run(&format!("{node}{bad}"), &["run", "--config"]);
        assert_eq!(ended.status.code(), Some(64), "{bad}: {ended:?}");
    }
}
