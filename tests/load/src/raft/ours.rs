//! Our cluster: a write as the nodes of a cluster make it, over the link, and who leads.
//!
//! Writers share one link, as the requests of a node do, with a certificate of the cluster. Each write puts the limits of an account: a
//! command to the journal group where the account is at home, to the member that leads it. Accounts are at home in one group, as all keys
//! are in etcd, or in all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use atp_actors::metrics::Meter;
use atp_consensus::command;
use atp_consensus::group::ProposeError;
use atp_consensus::journal::ledger::PutLimits;
use atp_consensus::placement::group_of_account;
use atp_consensus::remote::Remote;
use atp_node::cluster::transport::OverLink;
use atp_node::environment::Environment;
use atp_node::identity::{Address, Rotating};
use atp_node::link::{Link, LinkSettings};
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::ids::AccountId;
use atp_routing::budget::Limits;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use crate::client::{Call, Connection};

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks for a leader.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Accounts of a client.
const ACCOUNTS: u64 = 16;

/// Who our members are, and as whom is written.
#[derive(Debug, Clone, clap::Args)]
pub struct Access {
    /// Address of each member's link, in order; comma-separated
    #[arg(long = "address", value_delimiter = ',')]
    addresses: Vec<String>,
    /// Directory of the writers' certificate, as `atpctl cluster join` makes it; `{dir}` is the cluster's
    #[arg(long, default_value = "{dir}/writer")]
    identity: String,
    /// File with the operator's key; `{dir}` is the cluster's
    #[arg(long, default_value = "{dir}/admin.key")]
    admin_key: String,
}

/// `/v1/admin/cluster`, as far as it is used.
#[derive(Debug, Deserialize)]
struct View {
    groups: Vec<GroupRow>,
    members: Vec<MemberRow>,
}

#[derive(Debug, Deserialize)]
struct GroupRow {
    group: String,
    leader: Option<u16>,
    members: Vec<Voter>,
}

#[derive(Debug, Deserialize)]
struct Voter {
    voter: bool,
}

#[derive(Debug, Deserialize)]
struct MemberRow {
    node: u16,
    link: String,
}

/// Which groups are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Homes {
    First,
    All,
}

/// An account, and the index of the group where it is at home.
#[derive(Debug, Clone)]
pub(super) struct Account {
    id: AccountId,
    group: usize,
}

/// Writes to a cluster.
pub(super) struct Writer {
    link: Link,
    api: Vec<Call>,
    addresses: Vec<String>,
    groups: Vec<Remote>,
    homes: Homes,
    /// Of each group, as far as the writer was told.
    leaders: RefCell<Vec<Option<NodeId>>>,
    nodes: RefCell<Vec<NodeId>>,
}

impl Writer {
    /// A writer that knows nobody.
    pub(super) async fn new(
        access: &Access,
        homes: Homes,
        directory: &Path,
        api: &[String],
    ) -> Result<Rc<Self>> {
        let fill = |text: &str| text.replace("{dir}", &directory.display().to_string());
        let path = fill(&access.identity);
        let environment = Environment::real(1);
        let identity = Rotating::open(Path::new(&path), Arc::clone(&environment.clock))
            .with_context(|| format!("no certificate for writers in {path}"))?;
        let journals = identity.current().membership().cluster.journals;
        let meter = Arc::new(Meter::new(Arc::new(metrics::NoopRecorder)));
        let link = Link::start(&environment, meter, Arc::new(identity), LinkSettings::default());
        let transport = Arc::new(OverLink(link.clone()));
        let file = fill(&access.admin_key);
        let key = std::fs::read_to_string(&file).with_context(|| format!("no operator's key in {file}"))?;
        let key = format!("Bearer {}", key.trim());
        let mut calls = Vec::new();
        for url in api {
            let call = Call::post(url, "/", "").await?.header("authorization", &key)?;
            calls.push(call.to(Method::GET, "/v1/admin/cluster", "")?);
        }
        let group = |number| Remote::new(GroupId(number), Arc::clone(&transport) as _);
        Ok(Rc::new(Self {
            link,
            api: calls,
            groups: (1..=journals).map(group).collect(),
            addresses: access.addresses.clone(),
            homes,
            leaders: RefCell::new(vec![None; usize::from(journals)]),
            nodes: RefCell::default(),
        }))
    }

    /// Makes those that the first member does not know its members.
    pub(super) async fn form(&self) -> Result<()> {
        let known = self.view(0).await?.members;
        for (node, address) in (1..).zip(&self.addresses) {
            if known.iter().all(|member| member.node != node) {
                let (path, body) = (
                    format!("/v1/admin/cluster/members/{node}"),
                    json!({ "link": address }),
                );
                ask(self.api[0].to(Method::PUT, &path, body.to_string())?).await?;
            }
        }
        Ok(())
    }

    /// Learns from a member who is a member and who leads.
    pub(super) async fn look(&self, member: usize) -> Result<()> {
        let view = self.view(member).await?;
        let mut members = BTreeMap::new();
        for row in &view.members {
            let address: Address = row.link.parse()?;
            members.insert(NodeId::new(row.node).context("node 0")?, address);
        }
        let (count, known) = (self.api.len(), members.len());
        ensure!(
            known == count,
            "member {} knows {known} members of {count}",
            member + 1
        );
        let are_voters = |row: &GroupRow| row.members.iter().filter(|member| member.voter).count() == count;
        ensure!(
            view.groups.iter().all(are_voters),
            "not everybody votes everywhere"
        );
        *self.nodes.borrow_mut() = members.keys().copied().collect();
        self.link.set_members(members);
        for (index, known) in self.leaders.borrow_mut().iter_mut().enumerate() {
            let name = format!("J{index}");
            let row = view.groups.iter().find(|row| row.group == name);
            *known = row.and_then(|row| row.leader).and_then(NodeId::new);
        }
        Ok(())
    }

    async fn view(&self, member: usize) -> Result<View> {
        let body = ask(self.api[member].clone()).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// The index of the member that leads the first group.
    pub(super) fn leader(&self) -> Result<usize> {
        let leader = self.leaders.borrow()[0].context("J0 has no leader")?;
        let nodes = self.nodes.borrow();
        nodes
            .iter()
            .position(|node| *node == leader)
            .context("J0 is led by a stranger")
    }

    /// The accounts that a client writes to, in turns.
    pub(super) fn accounts(&self, client: usize) -> Result<Vec<Account>> {
        let journals = u16::try_from(self.groups.len())?;
        let account = |slot| {
            let names = (0..).map(|n| format!("bench-{client}-{slot}-{n}"));
            let mut homes = names.map(|name| (group_of_account(&name, journals), name));
            let is_wanted = |home: &(GroupId, String)| self.homes == Homes::All || home.0 == GroupId(1);
            let (group, name) = homes.find(is_wanted).context("no account")?;
            Ok(Account {
                id: name.parse()?,
                group: usize::from(group.0) - 1,
            })
        };
        (0..ACCOUNTS).map(account).collect()
    }

    /// Gives an account the limit `n`; returns when it is committed.
    pub(super) async fn write(&self, account: &Account, n: u64) -> Result<()> {
        let command = put(account, n)?;
        let group = account.group;
        for turn in 0.. {
            let leader = self.leaders.borrow()[group].unwrap_or_else(|| {
                let nodes = self.nodes.borrow();
                nodes[turn % nodes.len()]
            });
            let proposed = self.groups[group]
                .propose(leader, command.clone(), PATIENCE)
                .await;
            let (known, is_done) = match proposed {
                Ok(_) => (Some(leader), true),
                Err(ProposeError::NotLeader { leader: other }) => {
                    (other.filter(|other| *other != leader), false)
                }
                Err(error) => return Err(error.into()),
            };
            self.leaders.borrow_mut()[group] = known;
            if is_done {
                break;
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// The same at `member`, who may not lead the account's group.
    pub(super) async fn probe(&self, member: usize, account: &Account, n: u64) -> Result<()> {
        let (node, command) = (self.nodes.borrow()[member], put(account, n)?);
        self.groups[account.group]
            .propose(node, command, PATIENCE)
            .await?;
        Ok(())
    }
}

async fn ask(call: Call) -> Result<Bytes> {
    let answer = Connection::new(call, None).exchange().await;
    answer.map_err(|failure| anyhow!("the API: {failure}"))
}

fn put(account: &Account, n: u64) -> Result<Vec<u8>> {
    let limits = Limits {
        limit_usd_micros: Some(n),
        ..Limits::default()
    };
    Ok(command::encode(&PutLimits {
        account: account.id.clone(),
        parent: None,
        limits,
    })?)
}
