//! A cluster of processes: each member a node with a certificate of the cluster's authority, on ports of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{ADMIN_KEY, Mock, Node, Setup, until};

/// Clusters that this process has made.
static CLUSTERS: AtomicU8 = AtomicU8::new(1);

/// Members by number; all are killed when dropped.
pub(super) struct Cluster {
    /// The authority, and the directories that it issues.
    dir: TempDir,
    /// An address of loopback for this cluster alone: a port that was free once stays free.
    host: Ipv4Addr,
    provider: String,
    running: BTreeMap<u16, Node>,
    stopped: BTreeMap<u16, Setup>,
}

impl Cluster {
    /// Members 1 to `size`, before the provider, once all of them vote.
    pub(super) async fn start(mock: &Mock, size: u16) -> Self {
        let mut cluster = Self::new(mock);
        for node in 1..=size {
            cluster.join(node).await;
        }
        cluster.is_whole().await;
        cluster
    }

    /// A cluster without members.
    pub(super) fn new(mock: &Mock) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("atp-cluster-")
            .tempdir()
            .expect("temporary files can be written");
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        atpctl(dir.path(), "init ca --name test");
        Self {
            dir,
            host: Ipv4Addr::new(127, number, high, low),
            provider: mock.url(),
            running: BTreeMap::new(),
            stopped: BTreeMap::new(),
        }
    }

    /// Where certificates are.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An address that nobody listens on.
    pub(super) fn free(&self) -> SocketAddr {
        let listener = TcpListener::bind((self.host, 0)).expect("all of 127.0.0.0/8 is loopback");
        listener.local_addr().expect("a bound socket has an address")
    }

    /// Has a certificate issued and starts the node; the first member, where there is one, takes it in.
    pub(super) async fn join(&mut self, node: u16) {
        self.join_with(node, |setup| setup).await;
    }

    /// As [`Self::join`], with what `more` sets beside.
    pub(super) async fn join_with(&mut self, node: u16, more: impl FnOnce(Setup) -> Setup) {
        let link = self.free();
        atpctl(
            self.dir.path(),
            &format!("join ca --node {node} --address {link} --out n{node}"),
        );
        let setup = self.setup(&self.path(&format!("n{node}")), link);
        self.stopped.insert(node, more(setup));
        self.run(node).await;
        if node > 1 {
            self.admit(node, link).await;
        }
    }

    /// A node of the directory `identity`, listening for members on `link`.
    pub(super) fn setup(&self, identity: &Path, link: SocketAddr) -> Setup {
        Setup::new()
            .provider("up", "openai", &self.provider, &["mock"])
            .with("cluster", json!({ "dir": identity, "listen": link }))
    }

    /// Has the first member take in a node.
    pub(super) async fn admit(&self, node: u16, link: SocketAddr) {
        let path = format!("/v1/admin/cluster/members/{node}");
        let wanted = json!({ "link": link }).to_string();
        until("a node to be taken in", async || {
            let put = self.node(1).request(Method::PUT, &path, wanted.clone());
            let reply = put.key(ADMIN_KEY).send().await;
            assert!([200, 503].contains(&reply.status), "{}", reply.text());
            (reply.status == 200).then_some(())
        })
        .await;
    }

    pub(super) fn node(&self, node: u16) -> &Node {
        &self.running[&node]
    }

    /// Those that run.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.running.values()
    }

    /// Starts a member where its last life ended.
    pub(super) async fn run(&mut self, node: u16) {
        let setup = self.stopped.remove(&node).expect("it does not run");
        self.running.insert(node, setup.start().await);
    }

    /// A member that does not run will listen elsewhere.
    pub(super) fn relocate(&mut self, node: u16, link: SocketAddr) {
        let identity = self.path(&format!("n{node}"));
        std::fs::remove_dir_all(&identity).expect("temporary files can be removed");
        let line = format!("join ca --node {node} --address {link} --out n{node}");
        atpctl(self.dir.path(), &line);
        let setup = self.stopped.remove(&node).expect("it does not run");
        let setup = setup.with("cluster", json!({ "dir": identity, "listen": link }));
        self.stopped.insert(node, setup);
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self, node: u16) {
        let running = self.running.remove(&node).expect("it runs");
        self.stopped.insert(node, running.kill());
    }

    /// What a member that does not run says when it is started, and does not serve.
    pub(super) fn refused(&self, node: u16) -> String {
        self.stopped[&node].start_refused()
    }

    /// The store of a member that does not run.
    pub(super) fn store(&self, node: u16) -> PathBuf {
        self.stopped[&node].path("data/groups/store")
    }

    /// `kill -9` of every member, and all of them started at once.
    pub(super) async fn restart(&mut self) {
        for node in self.running.values() {
            node.signal_kill();
        }
        let running = std::mem::take(&mut self.running).into_iter();
        let starting = running.map(|(number, node)| async move { (number, node.kill().start().await) });
        self.running = join_all(starting).await.into_iter().collect();
    }

    /// A member is of the cluster no more.
    pub(super) fn forget(&mut self, node: u16) -> Node {
        self.running.remove(&node).expect("it runs")
    }

    /// A member that was forgotten runs again.
    pub(super) async fn back(&mut self, node: u16, setup: Setup) {
        self.running.insert(node, setup.start().await);
    }

    /// Waits until every member that runs sees all of them vote in every group, each reached and each group led.
    pub(super) async fn is_whole(&self) {
        let wanted: BTreeSet<u64> = self.running.keys().map(|node| u64::from(*node)).collect();
        for node in self.running.values() {
            let what = format!("all of {wanted:?} to vote, as {} sees it", node.api);
            until(&what, async || {
                is_whole(&self::state(node).await, &wanted).then_some(())
            })
            .await;
        }
    }

    /// Waits until no member leads more groups than it should; the leader of each group.
    pub(super) async fn leaders(&self) -> BTreeMap<String, u64> {
        until("leaders to be spread and known to everybody", async || {
            let mut seen = BTreeSet::new();
            for node in self.running.values() {
                seen.insert(leaders(&state(node).await)?);
            }
            let leaders = seen.pop_first().filter(|_| seen.is_empty())?;
            let led = |node: &u16| {
                leaders
                    .values()
                    .filter(|leader| **leader == u64::from(*node))
                    .count()
            };
            let led: Vec<usize> = self.running.keys().map(led).collect();
            let is_even = led.iter().max()? - led.iter().min()? <= 1;
            is_even.then_some(leaders)
        })
        .await
    }
}

/// What a node knows of its cluster.
pub(super) async fn state(node: &Node) -> Value {
    let get = node.get("/v1/admin/cluster").key(ADMIN_KEY);
    get.send().await.ok().json()
}

fn is_whole(state: &Value, wanted: &BTreeSet<u64>) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let number = |member: &Value| member["node"].as_u64();
    let members = list(&state["members"]);
    let is_voting = |group: &Value| {
        let members = list(&group["members"]);
        let voters = members.iter().filter(|member| member["voter"] == true);
        let voters: Vec<u64> = voters.filter_map(number).collect();
        voters.len() == members.len()
            && group["leader"].is_u64()
            && voters.iter().collect::<BTreeSet<_>>() == wanted.iter().collect()
    };
    state["ready"] == true
        && members.iter().filter_map(number).collect::<BTreeSet<_>>() == *wanted
        && members.iter().all(|member| member["reached"] == true)
        && list(&state["groups"]).iter().all(is_voting)
}

/// Who leads each group; `None` while one has no leader.
fn leaders(state: &Value) -> Option<BTreeMap<String, u64>> {
    let groups = state["groups"].as_array()?.iter();
    groups
        .map(|group| Some((group["group"].as_str()?.to_owned(), group["leader"].as_u64()?)))
        .collect()
}

/// `atpctl cluster` with `line`, in `dir`.
pub(super) fn atpctl(dir: &Path, line: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
        .arg("cluster")
        .args(line.split(' '))
        .current_dir(dir)
        .env_clear()
        .output()
        .expect("atpctl can be run");
    assert!(output.status.success(), "{output:?}");
}

/// A small request of one answer.
pub(super) fn question() -> Value {
    json!({ "model": "mock", "messages": [{ "role": "user", "content": "hi" }] })
}

/// Waits until the node serves the holder of `key`.
pub(super) async fn serves(node: &Node, key: &str) {
    let mut last = String::new();
    until("a node to serve", async || {
        let reply = node.chat(key, question()).send().await;
        last = reply.text();
        (reply.status == 200).then_some(())
    })
    .await;
}

/// Waits until a node makes a key of `account`.
pub(super) async fn new_key(node: &Node, account: &str) -> String {
    until("a node to make a key", async || {
        let wanted = json!({ "account": account, "label": "test" });
        let minted = node
            .post("/v1/admin/api-keys", wanted)
            .key(ADMIN_KEY)
            .send()
            .await;
        assert!([201, 503].contains(&minted.status), "{}", minted.text());
        let key = minted.json()["key"].as_str()?.to_owned();
        Some(key)
    })
    .await
}

/// The node that has streams of the session.
pub(super) async fn owner_of(cluster: &Cluster, session: &str) -> u16 {
    until("one node to have the session", async || {
        let mut owners = Vec::new();
        for (number, node) in &cluster.running {
            let listed = node
                .get("/admin/sessions")
                .key(ADMIN_KEY)
                .send()
                .await
                .ok()
                .json();
            let sessions = listed["sessions"].as_array().expect("a list");
            if sessions.iter().any(|open| open["session_id"] == session) {
                owners.push(*number);
            }
        }
        assert!(owners.len() < 2, "several have {session}: {owners:?}");
        owners.first().copied()
    })
    .await
}
