//! Configuration keys that are changed at one node take effect at another, without a restart.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Cluster, question, serves};
use super::operating::{ctl, told};
use crate::fixture::{ADMIN_KEY, Mock, Node, until};

/// A request whose provider behaves as `marker` says.
fn upstream(marker: &str) -> Value {
    let mut body = question();
    body["messages"][0]["content"] = format!("[[upstream {marker}]]").into();
    body
}

/// Changes a key at `node`; every member goes by it afterwards.
fn set(node: &Node, name: &str, value: &str) {
    let changed = told(node, &format!("config set {name} {value} --wait"));
    assert_eq!((&changed["behind"], &changed["silent"]), (&json!([]), &json!([])));
    assert_eq!(changed["source"], "cluster", "{changed}");
}

fn unset(node: &Node, name: &str) {
    let changed = told(node, &format!("config unset {name} --wait"));
    assert_eq!(changed["value"], changed["configured"], "{changed}");
    assert_eq!(changed["source"], "configuration", "{changed}");
}

#[tokio::test]
async fn each_setting_takes_effect_at_other_nodes_and_is_undone() {
    let mock = Mock::start();
    // It accepts connections and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", mute.local_addr().unwrap());
    let mut cluster = Cluster::new(&mock);
    for node in 1..=3 {
        cluster
            .join_with(node, |setup| setup.provider("mute", "openai", &url, &["mute"]))
            .await;
    }
    cluster.is_whole().await;
    cluster.leaders().await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let key = one.unlimited().await;
    let poor = one.tenant("poor", json!({ "limit_usd_micros": 1 })).await;
    serves(two, &key).await;
    let status = async |body: Value| two.chat(&key, body).send().await.status;

    let refused = async || two.chat(&poor, question()).send().await.status;
    until("node 2 to know the account", async || {
        (refused().await == 402).then_some(())
    })
    .await;
    set(one, "compat.budget_429", "true");
    assert_eq!(refused().await, 429);
    unset(one, "compat.budget_429");
    assert_eq!(refused().await, 402);

    let mut large = question();
    large["messages"][0]["content"] = "x".repeat(4_000).into();
    assert_eq!(status(large.clone()).await, 200);
    set(one, "limits.max_body_bytes", "2048");
    assert_eq!(status(large.clone()).await, 413);
    unset(one, "limits.max_body_bytes");
    assert_eq!(status(large).await, 200);

    let slow = upstream("prompt_tokens=4 completion_tokens=2 delay_ms=1200");
    assert_eq!(status(slow.clone()).await, 200);
    set(one, "timeouts.request_ms", "300");
    assert_ne!(status(slow.clone()).await, 200);
    unset(one, "timeouts.request_ms");
    assert_eq!(status(slow.clone()).await, 200);

    let whole = async |mut body: Value| {
        body["stream"] = true.into();
        let text = two.chat(&key, body).send().await.text();
        text.contains("[DONE]") && !text.contains("\"error\"")
    };
    // Sooner than the ten seconds that nodes wait by themselves.
    let mut silent = question();
    silent["model"] = "mute".into();
    silent["stream"] = true.into();
    set(one, "timeouts.first_chunk_ms", "300");
    let given_up = tokio::time::timeout(Duration::from_secs(6), two.chat(&key, silent).send()).await;
    let told = given_up.expect("the node gives up").text();
    assert!(told.contains("\"error\""), "{told}");
    unset(one, "timeouts.first_chunk_ms");
    let halting = upstream("prompt_tokens=4 completion_tokens=3 interval_ms=1200");
    set(one, "timeouts.idle_ms", "300");
    assert!(!whole(halting.clone()).await);
    unset(one, "timeouts.idle_ms");
    assert!(whole(halting).await);

    assert!(!two.log().contains("DEBUG"), "{}", two.log());
    set(one, "telemetry.log", "debug");
    status(question()).await;
    until("node 2 to log more", async || {
        two.log().contains("DEBUG").then_some(())
    })
    .await;
    unset(one, "telemetry.log");

    set(one, "auth.rate_burst", "2");
    set(one, "auth.rate_per_s", "1");
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(status(question()).await);
    }
    assert_eq!((answers[0], answers.contains(&429)), (200, true), "{answers:?}");
    unset(one, "auth.rate_per_s");
    for _ in 0..6 {
        assert_eq!(status(question()).await, 200);
    }
}

#[tokio::test]
async fn a_setting_is_checked_as_the_file_is_and_outlives_restarts() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 2).await;
    for (wrong, says) in [
        ("node.listen 127.0.0.1:1", "restart"),
        ("timeouts.idle 7", "timeouts.idle_ms"),
        ("timeouts.idle_ms soon", "timeouts.idle_ms"),
        ("limits.max_body_bytes 7", "between 1024"),
        ("telemetry.log a=b=c", "telemetry.log"),
    ] {
        let output = ctl(cluster.node(2), &format!("config set {wrong}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(says), "{told}");
    }
    let listed = told(cluster.node(2), "config list");
    assert_eq!((&listed["version"], &listed["in_force"]), (&json!(0), &json!(0)));
    assert_eq!(listed["settings"].as_array().map(Vec::len), Some(8), "{listed}");
    set(cluster.node(2), "timeouts.idle_ms", "777");
    cluster.restart().await;
    cluster.is_whole().await;
    cluster.join(3).await;
    cluster.is_whole().await;
    for node in cluster.nodes() {
        until("a node to go by the setting", async || {
            let got = told(node, "config get timeouts.idle_ms");
            (got["value"] == 777 && got["in_force"] == got["version"]).then_some(())
        })
        .await;
        let got = told(node, "config get timeouts.idle_ms");
        assert_eq!(
            (&got["source"], &got["configured"]),
            (&json!("cluster"), &json!(15_000))
        );
        let metrics = node.get("/metrics").key(ADMIN_KEY).send().await.text();
        assert!(
            metrics.contains(&format!("settings_version {}", got["version"])),
            "{metrics}"
        );
    }
}
