//! What one cluster agreed on, from which another begins.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::failover::{events, open};
use super::fixture::{Cluster, atpctl, serves, state};
use super::operating::{ctl, told};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

/// `atpctl storage restore`, for the node whose directory is `node`.
fn restore(file: &Path, node: &Path, out: &Path) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
        .args(["storage", "restore"])
        .arg(file)
        .arg("--node")
        .arg(node)
        .arg("--out")
        .arg(out)
        .env_clear()
        .output();
    command.expect("atpctl can be run")
}

/// What a refused restore says.
fn refused(file: &Path, node: &Path, out: &Path) -> String {
    let output = restore(file, node, out);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What an account has spent and holds.
async fn figures(node: &Node, account: &str) -> Value {
    let mut balance = node.balance(account).await;
    // It is the log's, not the account's.
    balance["applied_index"].take();
    balance
}

const ACCOUNTS: [&str; 3] = ["acme", "acme/dev", "other"];

/// Three members with accounts, keys, a policy, a stream that ended and settlements of each member.
async fn lived(mock: &Mock) -> (Cluster, [String; 2], Value) {
    let cluster = Cluster::start(mock, 3).await;
    let node = cluster.node(1);
    node.account(
        "acme",
        json!({ "limit_usd_micros": 50_000, "limit_tokens": 1_000_000 }),
    )
    .await;
    node.account(
        "acme/dev",
        json!({ "parent": "acme", "limit_usd_micros": 40_000, "max_parallel": 9 }),
    )
    .await;
    let keys = [node.key("acme/dev").await, node.tenant("other", json!({})).await];
    let document = cluster.path("policy.yaml");
    std::fs::write(&document, "policies:\n  - id: default\n").expect("temporary files can be written");
    told(node, &format!("policy apply {} --wait", document.display()));
    for node in cluster.nodes() {
        for key in &keys {
            serves(node, key).await;
        }
    }
    let stream = open(cluster.node(2), &keys[0], None, "interval_ms=0").await;
    events(cluster.node(3), &keys[0], &stream, "").await;
    (cluster, keys, stream)
}

#[tokio::test]
async fn another_cluster_begins_with_accounts_to_the_micro_dollar_keys_policy_and_finals() {
    let mock = Mock::start();
    let kept = tempfile::tempdir().unwrap();
    let (old, keys, stream) = lived(&mock).await;
    for account in ACCOUNTS {
        old.node(1).settled(account).await;
    }
    until("members to have given back what they do not use", async || {
        for node in old.nodes() {
            let metrics = node.get("/metrics").key(ADMIN_KEY).send().await.text();
            let leases = metrics
                .lines()
                .find_map(|line| line.strip_prefix("budget_leases "));
            leases.filter(|leases| *leases == "0")?;
        }
        Some(())
    })
    .await;
    // A call that nobody will ever account for in the new cluster.
    let prompt = "[[upstream prompt_tokens=4 completion_tokens=100 interval_ms=300]]";
    let long = json!({
        "model": "mock", "stream": true, "max_tokens": 100,
        "messages": [{ "role": "user", "content": prompt }],
    });
    let mut running = old.node(2).chat(&keys[0], long).open().await;
    running.read_until("\"@").await;
    let file = kept.path().join("backup");
    let taken = told(old.node(3), &format!("backup {}", file.display()));
    assert_eq!(
        taken["backup"]["groups"].as_array().map(Vec::len),
        Some(9),
        "{taken}"
    );
    let again = ctl(old.node(1), &format!("backup {}", file.display()));
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let lost = figures(old.node(1), "acme/dev").await;
    let policy = told(old.node(1), "policy show");
    assert_eq!(policy["version"], 2, "{policy}");
    let told_before = events(old.node(1), &keys[0], &stream, "").await;
    let mut before = Vec::new();
    for account in ACCOUNTS {
        before.push(figures(old.node(1), account).await);
    }
    drop((running, old));

    let mut new = Cluster::new(&mock);
    let identity = new.path("n1");
    new.join_with(1, |setup| {
        let data = setup.path("data");
        let output = restore(&file, &identity, &data);
        assert!(output.status.success(), "{output:?}");
        let again = refused(&file, &identity, &data);
        assert!(again.contains("is not empty"), "{again}");
        setup
    })
    .await;
    for node in 2..=3 {
        new.join(node).await;
    }
    new.is_whole().await;

    assert!(lost["held_usd_micros"].as_u64() > Some(0), "{lost}");
    for (account, before) in ACCOUNTS.iter().zip(&before) {
        let after = figures(new.node(3), account).await;
        for unit in ["usd_micros", "tokens"] {
            let of = |balance: &Value, what: &str| balance[format!("{what}_{unit}")].as_u64().unwrap();
            let known = |balance: &Value| of(balance, "settled") - of(balance, "unknown");
            let told = format!("{account} {before} {after}");
            assert_eq!(known(&after), known(before), "{told}");
            // What a member had leased for the call is spent, as nobody knows better.
            let has_call = before["in_flight"] == 1;
            let lost = of(&after, "unknown") - of(before, "unknown");
            assert!(lost >= of(before, "held") && (lost > 0) == has_call, "{told}");
            assert_eq!(of(&after, "held"), 0, "{told}");
        }
        for same in ["parent", "limit_tokens", "limit_usd_micros", "max_parallel"] {
            assert_eq!(after[same], before[same], "{account}");
        }
        assert_eq!(after["in_flight"], 0, "{account} {after}");
    }
    let told_after = events(new.node(2), &keys[0], &stream, "").await;
    assert_eq!(told_after.last(), told_before.last());
    assert_eq!(told(new.node(3), "policy show"), policy);
    for node in new.nodes() {
        for key in &keys {
            serves(node, key).await;
        }
    }
    let spent = new.node(1).settled("acme").await;
    let limit = spent["limit_usd_micros"].as_u64();
    assert!(spent["settled_usd_micros"].as_u64() <= limit, "{spent}");
    // It lives on as any cluster does.
    new.restart().await;
    new.is_whole().await;
    assert_eq!(
        figures(new.node(2), "acme").await["settled_usd_micros"],
        spent["settled_usd_micros"]
    );
    let members = state(new.node(1)).await["members"].as_array().map(Vec::len);
    assert_eq!(members, Some(3));
}

#[tokio::test]
async fn what_is_no_whole_backup_of_such_a_cluster_begins_nothing() {
    let mock = Mock::start();
    let cluster = Cluster::start(&mock, 1).await;
    let (file, dir) = (cluster.path("backup"), cluster.path("."));
    told(cluster.node(1), &format!("backup {}", file.display()));
    let checked = told(cluster.node(1), &format!("storage verify {}", file.display()));
    assert_eq!(checked["ok"], true, "{checked}");
    let bytes = std::fs::read(&file).unwrap();
    let out = dir.join("out");
    atpctl(&dir, "init other --name other");
    atpctl(&dir, "join other --node 1 --address 127.0.0.1:7 --out o1");
    atpctl(&dir, "join other --node 2 --address 127.0.0.1:7 --out o2");
    atpctl(&dir, "init small --name small --journals 2");
    atpctl(&dir, "join small --node 1 --address 127.0.0.1:7 --out s1");
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    let mut later = bytes.clone();
    later[8] = 9;
    for (wrong, says) in [
        (&bytes[..bytes.len() - 100], "ends too early"),
        (&damaged[..], "corrupt at byte"),
        (&later[..], "backup format 9"),
        (&b"no backup at all"[..], "it is no backup"),
    ] {
        let path = dir.join("wrong");
        std::fs::write(&path, wrong).unwrap();
        let told = refused(&path, &dir.join("o1"), &out);
        assert!(told.contains(says), "{told}");
    }
    let told = refused(&file, &dir.join("s1"), &out);
    assert!(told.contains("--journals 8"), "{told}");
    let told = refused(&file, &dir.join("o2"), &out);
    assert!(told.contains("its first node, 1"), "{told}");
    assert!(!out.exists());
    let output = restore(&file, &dir.join("o1"), &out);
    assert!(output.status.success(), "{output:?}");
    // A machine of another cluster does not start with it.
    let told = refused(&file, &dir.join("o1"), &out);
    assert!(told.contains("is not empty"), "{told}");
}
