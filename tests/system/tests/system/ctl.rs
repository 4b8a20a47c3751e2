//! `atpctl` as operators and clients run it: the program itself, before a running node.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::fixture::{ADMIN_KEY, Node, Setup};

const TEXT: &str = "Routers forward requests. Requests carry budgets. Budgets are never exceeded. \
    A router that forwards requests keeps their budgets. Sessions survive a router.";

/// What a run came to.
#[derive(Debug)]
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    /// Standard output as one document, of a run that went well.
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The failure as `--json` tells it.
    fn error(&self) -> Value {
        let error: Value = serde_json::from_str(&self.err).unwrap_or_else(|_| panic!("not JSON: {self:?}"));
        assert_eq!(error["error"]["exit_code"], self.code, "{self:?}");
        error["error"].clone()
    }

    /// Standard output of a run that went well and says `words`.
    fn says(&self, words: &[&str]) {
        assert_eq!(self.code, 0, "{self:?}");
        for word in words {
            assert!(self.out.contains(word), "no {word:?} in {self:?}");
        }
    }
}

/// Whose keys a run has.
struct Ctl {
    url: String,
    keys: Vec<(&'static str, String)>,
}

impl Ctl {
    /// With the operator's key and one of account `acme`.
    async fn of(node: &Node) -> Self {
        let key = node.unlimited().await;
        Self {
            url: node.api.clone(),
            keys: vec![("ATP_KEY", key), ("ATP_ADMIN_KEY", ADMIN_KEY.to_owned())],
        }
    }

    fn with_key(&self, key: &str) -> Self {
        Self {
            url: self.url.clone(),
            keys: vec![("ATP_KEY", key.to_owned())],
        }
    }

    fn run(&self, args: &[&str]) -> Told {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], input: &str) -> Told {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
            .args(args)
            .env_clear()
            .env("ATP_URL", &self.url)
            .envs(self.keys.iter().map(|(name, key)| (name, key)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("atpctl can be run");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A run that needs no input may have ended.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("a child can be waited for");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Told {
            code: output.status.code().expect("it was not killed"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

async fn node() -> Node {
    let builtins = ["summarizer.local", "keywords.local"];
    let setup = builtins.iter().fold(Setup::new(), |setup, id| setup.builtin(id));
    setup.start().await
}

#[tokio::test]
async fn a_node_is_looked_at_as_text_and_as_json() {
    let node = node().await;
    let ctl = Ctl::of(&node).await;
    ctl.run(&["status"])
        .says(&["is ready", "capabilities", "cluster"]);
    let status = ctl.run(&["status", "--json"]).json();
    assert_eq!(
        (&status["ready"], &status["url"]),
        (&json!(true), &json!(format!("{}/", node.api)))
    );
    assert_eq!(status["cluster"]["members"].as_array().unwrap().len(), 1);
    ctl.run(&["adapters"])
        .says(&["node", "summarizer.local", "closed"]);
    let adapters = ctl.run(&["adapters", "--json"]).json();
    let ids: Vec<&Value> = adapters.as_array().unwrap().iter().map(|of| &of["id"]).collect();
    assert_eq!(ids, ["keywords.local", "summarizer.local"]);
    ctl.run(&["routes"]).says(&["summarizer.local", "policy version"]);
    let routes = ctl.run(&["routes", "--json"]).json();
    assert_eq!(routes["candidates"].as_array().unwrap().len(), 2);
    ctl.run(&["doctor"]).says(&["ok", "reachable"]);
    let doctor = ctl.run(&["doctor", "--json"]).json();
    assert_eq!(doctor["ok"], true, "{doctor}");
    let checks = doctor["checks"].as_array().unwrap();
    let version = checks.iter().find(|check| check["check"] == "version").unwrap();
    assert_eq!(
        version["state"], "ok",
        "node and atpctl are of one release: {doctor}"
    );
}

#[tokio::test]
async fn work_is_asked_for_and_explained() {
    let node = node().await;
    let ctl = Ctl::of(&node).await;
    let asked = ctl.run(&["ask", "--model", "summarizer.local", TEXT]);
    asked.says(&["budgets"]);
    let piped = ctl.run_with(&["ask", "--model", "summarizer.local"], TEXT);
    assert_eq!((piped.code, &piped.out), (0, &asked.out));
    let records = ctl.run(&["ask", "--json", "--model", "summarizer.local", TEXT]);
    assert_eq!(records.code, 0, "{records:?}");
    let records: Vec<Value> = records
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record a line"))
        .collect();
    assert_eq!(records[0]["type"], "plan");
    let last = records.last().unwrap();
    assert_eq!(last["type"], "final");
    let id = last["request_id"].as_str().unwrap();
    ctl.run(&["explain", id]).says(&["summarizer.local"]);
    let explained = ctl.run(&["explain", id, "--json"]).json();
    assert_eq!(explained["request_id"], id);
    assert_eq!(explained["audit"]["lanes"][0]["state"], "FINALIZED");
    let client = ctl.with_key(&ctl.keys[0].1);
    client.run(&["explain", id]).says(&["summarizer.local"]);
    let unknown = ctl.run(&["explain", "req_none", "--json"]);
    assert_eq!((unknown.code, &unknown.error()["status"]), (1, &json!(404)));
    ctl.run(&["decisions", "verify"]).says(&["verdict"]);
    let checked = ctl.run(&["decisions", "verify", "--json"]).json();
    assert_eq!(checked["valid"], true);
}

#[tokio::test]
async fn accounts_and_keys_are_made_and_hold() {
    let node = node().await;
    let ctl = Ctl::of(&node).await;
    let set = ["budget", "set", "poor", "--limit-tokens", "1", "--json"];
    assert_eq!(ctl.run(&set).json()["limit_tokens"], 1);
    let raised = ["budget", "set", "poor", "--max-parallel", "7"];
    ctl.run(&raised).says(&["poor", "limit", "7"]);
    assert_eq!(
        ctl.run(&["budget", "poor", "--json"]).json()["limit_tokens"],
        1,
        "a limit not named stays"
    );
    ctl.run(&["budget"]).says(&["acme", "poor"]);
    assert_eq!(ctl.run(&["budget", "--json"]).json().as_array().unwrap().len(), 2);
    let made = ctl.run(&["key", "create", "poor", "--label", "test"]);
    made.says(&["atp_"]);
    assert!(
        !made.err.contains(made.out.trim()),
        "the key goes to standard output alone"
    );
    let poor = ctl.with_key(made.out.trim());
    let refused = poor.run(&["ask", "--json", "--model", "summarizer.local", TEXT]);
    assert_eq!(
        (refused.code, &refused.error()["code"]),
        (1, &json!("budget-exhausted"))
    );
    let made = ctl.run(&["key", "create", "poor", "--json"]).json();
    assert!(made["key"].as_str().unwrap().starts_with("atp_"), "{made}");
    let unknown = ctl.run(&["key", "create", "nobody"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
}

#[tokio::test]
async fn keys_are_listed_and_revoked_and_accounts_deleted_for_good() {
    let node = node().await;
    let mut ctl = Ctl::of(&node).await;
    ctl.run(&["budget", "set", "gone", "--limit-tokens", "9"]);
    let made = ctl
        .run(&["key", "create", "gone", "--label", "old laptop", "--json"])
        .json();
    let (id, key) = (made["key_id"].as_str().unwrap(), made["key"].as_str().unwrap());
    ctl.run(&["key", "list"])
        .says(&[id, "gone", "old laptop", " GMT"]);
    let listed = ctl.run(&["key", "list", "--json"]);
    assert!(
        !listed.out.contains(key.rsplit('_').next().unwrap()),
        "the secret is not told"
    );
    assert_eq!(listed.json().as_array().unwrap().len(), 2);
    let refused = ctl.run(&["budget", "delete", "gone", "--json"]);
    assert_eq!((refused.code, &refused.error()["status"]), (1, &json!(422)));
    assert_eq!(
        ctl.run(&["key", "revoke", id, "--json"]).json()["label"],
        "old laptop"
    );
    assert_eq!(ctl.run(&["key", "revoke", id]).code, 1, "it was revoked before");
    ctl.run(&["budget", "delete", "gone"])
        .says(&["account gone is gone"]);

    let node = node.kill().start().await;
    ctl.url.clone_from(&node.api);
    let keys = ctl.run(&["key", "list", "--json"]).json();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    let asked = ctl
        .with_key(key)
        .run(&["ask", "--json", "--model", "summarizer.local", TEXT]);
    assert_eq!((asked.code, &asked.error()["status"]), (1, &json!(401)));
    ctl.run(&["ask", "--model", "summarizer.local", TEXT])
        .says(&["budgets"]);
    assert_eq!(ctl.run(&["budget", "gone"]).code, 1, "nothing is made again");
}

#[tokio::test]
async fn documents_are_checked_and_put_in_force() {
    let node = node().await;
    let ctl = Ctl::of(&node).await;
    let good = "policies:\n  - id: default\n    fanout: [summarizer.local]\n";
    let bad = "policies:\n  - id: default\n    fanuot: [summarizer.local]\n";
    assert_eq!(ctl.run_with(&["policy", "lint", "-"], good).code, 0);
    assert_eq!(
        ctl.run_with(&["policy", "lint", "-", "--json"], good).json()["ok"],
        true
    );
    let linted = ctl.run_with(&["policy", "lint", "-"], bad);
    assert_eq!(linted.code, 1, "{linted:?}");
    assert!(
        format!("{linted:?}").contains("fanout"),
        "names the nearest key: {linted:?}"
    );
    let linted = ctl.run_with(&["policy", "lint", "-", "--json"], bad);
    let told: Value = serde_json::from_str(&linted.out).expect("JSON");
    assert_eq!((linted.code, &told["ok"]), (1, &json!(false)));
    assert_eq!(told["files"][0]["lints"][0]["line"], 3, "{told}");
    let before = ctl.run(&["policy", "show", "--json"]).json()["version"].clone();
    let refused = ctl.run_with(&["policy", "apply", "-", "--json"], bad);
    let told: Value = serde_json::from_str(&refused.out).expect("JSON");
    assert_eq!((refused.code, &told["ok"]), (1, &json!(false)));
    assert_eq!(ctl.run(&["policy", "show", "--json"]).json()["version"], before);
    let applied = ctl.run_with(&["policy", "apply", "-", "--json"], good).json();
    assert_eq!(applied["previous"], before);
    assert_eq!(
        ctl.run(&["policy", "show", "--json"]).json()["version"],
        applied["version"]
    );
    assert_eq!(ctl.run_with(&["policy", "apply", "-"], good).code, 0);
}

#[tokio::test]
async fn a_key_that_does_not_suffice_is_told_what_would() {
    let node = node().await;
    let ctl = Ctl::of(&node).await;
    let wrong = ctl.with_key("atp_wrong_0123456789");
    for args in [
        &["ask", "hi", "--json"][..],
        &["adapters", "--json"],
        &["budget", "--json"],
    ] {
        let refused = wrong.run(args);
        let error = refused.error();
        assert_eq!((refused.code, &error["status"]), (1, &json!(401)), "{args:?}");
        assert!(error["hint"].as_str().unwrap().contains("ATP_KEY"), "{error}");
    }
    let client = ctl.with_key(&ctl.keys[0].1);
    let refused = client.run(&["routes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("ATP_ADMIN_KEY"), "{refused:?}");
    assert_eq!(client.run(&["status"]).code, 0, "readiness needs no key");
}

#[test]
fn a_node_that_is_not_there_is_a_failure_and_says_what_to_start() {
    let nowhere = Ctl {
        url: "http://127.0.0.1:9".to_owned(),
        keys: vec![("ATP_KEY", "atp_a_b".to_owned())],
    };
    for command in [
        &["status"][..],
        &["ask", "hi"],
        &["adapters"],
        &["routes"],
        &["budget"],
        &["explain", "req_x"],
        &["key", "create", "acme"],
        &["policy", "show"],
    ] {
        let failed = nowhere.run(command);
        assert_eq!(
            (failed.code, failed.out.as_str()),
            (1, ""),
            "{command:?}: {failed:?}"
        );
        assert!(failed.err.contains("atp-node dev"), "{command:?}: {failed:?}");
        let failed = nowhere.run(&[command, &["--json"]].concat());
        assert!(
            failed.error()["message"]
                .as_str()
                .unwrap()
                .contains("127.0.0.1:9")
        );
    }
    let doctor = nowhere.run(&["doctor", "--json"]);
    let told: Value = serde_json::from_str(&doctor.out).expect("JSON");
    assert_eq!((doctor.code, &told["ok"]), (1, &json!(false)));
}

#[test]
fn a_wrong_line_is_2_and_a_bad_configuration_is_64() {
    let ctl = Ctl {
        url: "http://127.0.0.1:9".to_owned(),
        keys: Vec::new(),
    };
    for line in [
        &["frobnicate"][..],
        &["ask", "--max-tokens", "many", "hi"],
        &["explain"],
        &[],
    ] {
        assert_eq!(ctl.run(line).code, 2, "{line:?}");
    }
    for line in [
        &["--url", "not a url", "status"][..],
        &["--url", "ftp://127.0.0.1", "status"],
        &["--key", "literal", "adapters"],
        &["--key", "env:MISSING", "adapters"],
        &["ask"],
    ] {
        let refused = ctl.run(line);
        assert_eq!(refused.code, 64, "{line:?}: {refused:?}");
        assert!(!refused.err.is_empty(), "{line:?}");
    }
}
