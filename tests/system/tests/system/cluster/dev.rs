//! `atp-node dev --nodes 3`: a cluster in one process.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::fixture::question;
use crate::fixture::{Http, Mock, Process, until};

/// Starts three nodes in `dir`; the process, and what it says when all are ready.
async fn start(mock: &Mock, dir: &Path) -> (Process, Value) {
    let ready = dir.join("ready.json");
    let mut process = Command::new(env!("CARGO_BIN_EXE_node-under-test"))
        .args(["dev", "--nodes", "3", "--port", "0", "--json", "--data-dir"])
        .arg(dir.join("data"))
        .env_clear()
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", mock.url())
        .stdin(Stdio::null())
        .stdout(File::create(&ready).expect("temporary files can be written"))
        .spawn()
        .map(Process)
        .expect("the node's binary can be run");
    let told = until("three nodes to be ready", async || {
        let ended = process.0.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "the process ended: {ended:?}");
        let line = fs::read_to_string(&ready).ok()?;
        serde_json::from_str(line.strip_suffix('\n')?).ok()
    })
    .await;
    (process, told)
}

#[tokio::test]
async fn three_nodes_of_one_process_serve_the_same_key_and_can_be_started_again() {
    let mock = Mock::start();
    let dir = tempfile::tempdir().expect("temporary files can be written");
    for _ in 0..2 {
        let (mut process, told) = start(&mock, dir.path()).await;
        let others = told["others"].as_array().expect("a list");
        let apis: Vec<&str> = std::iter::once(&told["api"])
            .chain(others)
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(apis.len(), 3, "{told}");
        let key = told["key"].as_str().expect("a key");
        for api in apis {
            let chat = Http::new(api).request(Method::POST, "/v1/chat/completions", question().to_string());
            chat.key(key).send().await.ok();
        }
        kill_process(Pid::from_child(&process.0), Signal::TERM).expect("a child can be signalled");
        let status = until("the process to end", async || {
            process.0.try_wait().expect("a child can be asked")
        })
        .await;
        assert!(status.success(), "{status}");
    }
}
