//! `atpctl cluster init|join` as an operator runs it, on files, and a node that is started with them.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory for authorities and nodes, and the program in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `line` after `atpctl cluster`, words apart by spaces.
    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
            .arg("cluster")
            .args(line.split(' '))
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .expect("atpctl can be run")
    }

    /// Writes a configuration and starts a node with it, which prints one line when it is ready.
    fn node(&self, cluster: &str) -> Child {
        let config = format!(
            "[node]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[auth]\nrequired = false\n{cluster}"
        );
        fs::write(self.path("node.toml"), config).expect("a writable directory");
        Command::new(env!("CARGO_BIN_EXE_node-under-test"))
            .args(["run", "--json", "--config", "node.toml"])
            .current_dir(self.0.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a node can be run")
    }

    /// The code and standard error of a node that does not start.
    fn not_started(&self, cluster: &str) -> (Option<i32>, String) {
        let output = self.node(cluster).wait_with_output().expect("it ends by itself");
        (
            output.status.code(),
            String::from_utf8(output.stderr).expect("text"),
        )
    }

    fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json"));
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("one document")
    }

    /// The code and message of a run that fails.
    fn refused(&self, line: &str) -> (i32, String) {
        let output = self.run(&format!("{line} --json"));
        let told: Value = serde_json::from_slice(&output.stderr).expect("one document");
        let message = told["error"]["message"].as_str().expect("a message").to_owned();
        (output.status.code().expect("an exit"), message)
    }
}

const JOIN: &str = "join ca --node 2 --address 10.0.0.2:7444 --out n2";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

#[test]
fn a_cluster_is_made_and_a_node_issued_and_renewed() {
    let desk = Desk::new();
    let made = desk.json("init ca --name eu-1 --journals 4");
    assert_eq!(
        (&made["name"], &made["journals"], &made["first"]),
        (&"eu-1".into(), &4.into(), &1.into())
    );
    let issued = desk.json(JOIN);
    assert_eq!((&issued["node"], &issued["renewed"]), (&2.into(), &false.into()));
    assert_eq!(issued["cluster"], made["cluster"]);
    for key in ["ca/ca.key", "n2/node.key"] {
        assert_eq!(mode(&desk.path(key)), 0o600);
    }
    assert!(!desk.path("n2/ca.key").exists(), "the authority's key stays");

    let before = fs::read(desk.path("n2/node.pem")).unwrap();
    let renewed = desk.json(JOIN);
    assert_eq!(renewed["renewed"], true);
    assert!(renewed["expires_at_ms"].as_u64() >= issued["expires_at_ms"].as_u64());
    assert_ne!(fs::read(desk.path("n2/node.pem")).unwrap(), before);
    let said = String::from_utf8(desk.run(JOIN).stdout).unwrap();
    assert_eq!(said, "renewed node 2 of cluster eu-1, valid for 90 days\n");
}

#[test]
fn what_belongs_to_somebody_else_is_left_alone() {
    let desk = Desk::new();
    desk.json("init ca --name eu");
    desk.json("init other --name eu");
    desk.json(JOIN);
    let key = fs::read(desk.path("n2/node.key")).unwrap();
    for line in [
        "join ca --node 3 --address 10.0.0.3:7444 --out n2",
        "join other --node 2 --address 10.0.0.2:7444 --out n2",
        "join ca --node 2 --address 10.0.0.2:7444 --out other",
        "init ca --name eu",
    ] {
        let (code, message) = desk.refused(line);
        assert_eq!(code, 1, "{line}");
        assert!(message.contains("belongs to"), "{line}: {message}");
    }
    assert_eq!(fs::read(desk.path("n2/node.key")).unwrap(), key);
}

#[test]
fn a_key_of_the_authority_that_others_may_read_issues_nothing() {
    let desk = Desk::new();
    desk.json("init ca --name eu");
    fs::set_permissions(desk.path("ca/ca.key"), Permissions::from_mode(0o644)).unwrap();
    let (code, message) = desk.refused(JOIN);
    assert_eq!(code, 1);
    assert!(message.contains("chmod 600"), "{message}");
    assert!(!desk.path("n2").exists());
}

#[test]
fn a_line_that_names_no_node_or_address_is_wrong() {
    let desk = Desk::new();
    desk.json("init ca --name eu");
    for line in [
        "join ca --node 0 --address 10.0.0.2:7444 --out n2",
        "join ca --node 2 --address 10.0.0.2 --out n2",
        "init us",
    ] {
        assert_eq!(desk.run(line).status.code(), Some(2), "{line}");
    }
    let (code, message) = desk.refused("join nowhere --node 2 --address h:1 --out n2");
    assert_eq!(code, 1);
    assert!(message.contains("nowhere/cluster.toml"), "{message}");
}

/// The section of a node whose directory in its cluster is `dir`.
fn member(dir: &str) -> String {
    format!("[cluster]\ndir = \"{dir}\"\nlisten = \"127.0.0.1:0\"\n")
}

#[test]
fn a_node_keeps_to_the_cluster_and_number_its_data_belongs_to() {
    let desk = Desk::new();
    desk.json("init ca --name eu");
    desk.json(JOIN);
    desk.json("join ca --node 3 --address 10.0.0.3:7444 --out n3");
    let mut node = desk.node(&member("n2"));
    let mut ready = String::new();
    let out = node.stdout.take().expect("it was piped");
    let read = BufReader::new(out).read_line(&mut ready);
    node.kill().expect("it runs");
    let ended = node.wait_with_output().expect("it was killed");
    assert!(
        read.is_ok() && ready.contains("\"ready\":true"),
        "{ready:?} {ended:?}"
    );
    assert_eq!(mode(&desk.path("data/member.toml")), 0o600);

    for other in [member("n3"), String::new()] {
        let (code, said) = desk.not_started(&other);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains("belongs to atp://"), "{said}");
    }
    fs::set_permissions(desk.path("n2/node.key"), Permissions::from_mode(0o644)).unwrap();
    let (code, said) = desk.not_started(&member("n2"));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
}
