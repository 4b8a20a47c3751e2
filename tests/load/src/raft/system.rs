//! A running cluster of either system, and its clients.

use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use serde::Serialize;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::ours::{Account, Homes, Writer};
use super::{Options, etcd};
use crate::clock;
use crate::fleet::Member;

/// A cluster that does not take writes at every member by then has failed to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A single look at a member takes no longer.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Clients of one gRPC connection, of each member.
const CLIENTS_PER_CHANNEL: usize = 32;
/// Members of etcd's cluster.
const MEMBERS: usize = 3;
/// Bytes of a value in etcd.
const VALUE: &[u8] = &[b'v'; 100];

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// Our nodes, all writes in one group, as etcd has one.
    Ours,
    /// Our nodes, writes spread over all journal groups.
    Spread,
    /// etcd's.
    Etcd,
}

/// A cluster whose members all take writes.
pub(super) struct Cluster {
    // Declared before the directory, so that the processes have ended when their files go.
    pub(super) members: Vec<Member>,
    clients: Clients,
    _directory: TempDir,
}

enum Clients {
    Etcd(Vec<String>),
    Ours(Rc<Writer>),
}

/// One client: a connection to each member, one write outstanding.
pub(super) enum Client {
    Etcd {
        id: usize,
        members: Vec<etcd::Client>,
    },
    Ours {
        writer: Rc<Writer>,
        accounts: Vec<Account>,
    },
}

impl Cluster {
    /// Starts a fresh cluster; returns when a write through each member was committed.
    pub(super) async fn start(system: System, options: &Options) -> Result<Self> {
        std::fs::create_dir_all(&options.data_dir)?;
        let directory = tempfile::Builder::new()
            .prefix("cluster-")
            .tempdir_in(options.data_dir.canonicalize()?)?;
        let (members, clients) = match system {
            System::Etcd => etcd_cluster(&options.etcd, &directory)?,
            System::Ours | System::Spread => {
                let members = options.template.members(directory.path())?;
                let homes = match system {
                    System::Spread => Homes::All,
                    System::Ours | System::Etcd => Homes::First,
                };
                let api = &options.template.api;
                let writer = Writer::new(&options.access, homes, directory.path(), api).await?;
                (members, Clients::Ours(writer))
            }
        };
        let mut cluster = Self {
            members,
            clients,
            _directory: directory,
        };
        cluster.heal().await?;
        Ok(cluster)
    }

    /// Starts what does not run; returns when a write through each member was committed.
    pub(super) async fn heal(&mut self) -> Result<()> {
        for member in &mut self.members {
            member.start()?;
        }
        let deadline = clock::now() + START_LIMIT;
        for index in 0..self.members.len() {
            let mut last = anyhow!("no answer");
            loop {
                let mut client = self.clients(1)?.remove(0);
                match timeout(LOOK_LIMIT, client.look(index)).await {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => last = error,
                    Err(_) => {}
                }
                self.members[index].check()?;
                if clock::now() > deadline {
                    return Err(last).with_context(|| format!("member {} takes no writes", index + 1));
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Clients that share connections as the clients of such a system do.
    pub(super) fn clients(&self, count: usize) -> Result<Vec<Client>> {
        match &self.clients {
            Clients::Etcd(urls) => {
                let mut clients = Vec::with_capacity(count);
                let mut members = Vec::new();
                for id in 0..count {
                    if id.is_multiple_of(CLIENTS_PER_CHANNEL) {
                        members = urls
                            .iter()
                            .map(|url| etcd::Client::new(url))
                            .collect::<Result<_>>()?;
                    }
                    clients.push(Client::Etcd {
                        id,
                        members: members.clone(),
                    });
                }
                Ok(clients)
            }
            Clients::Ours(writer) => {
                let client = |id| {
                    Ok(Client::Ours {
                        writer: Rc::clone(writer),
                        accounts: writer.accounts(id)?,
                    })
                };
                (0..count).map(client).collect()
            }
        }
    }

    /// The index of the member that leads.
    pub(super) async fn leader(&self) -> Result<usize> {
        match &self.clients {
            Clients::Etcd(urls) => {
                for (index, url) in urls.iter().enumerate() {
                    let (_, leads) = etcd::Client::new(url)?.leads().await?;
                    if leads {
                        return Ok(index);
                    }
                }
                Err(anyhow!("no member of etcd leads"))
            }
            Clients::Ours(writer) => {
                writer.look(0).await?;
                writer.leader()
            }
        }
    }
}

impl Client {
    /// The `n`th write of this client; returns when it is committed. To etcd through `member`, to ours at the leader.
    pub(super) async fn write(&mut self, member: usize, n: u64) -> Result<()> {
        match self {
            Self::Etcd { id, members } => {
                let key = Bytes::from(format!("bench/{id}/{n}"));
                members[member].put(key, Bytes::from_static(VALUE)).await
            }
            Self::Ours { writer, accounts } => writer.write(nth(accounts, n)?, n).await,
        }
    }

    /// The same where only `member` is asked.
    pub(super) async fn probe(&mut self, member: usize, n: u64) -> Result<()> {
        match self {
            Self::Etcd { .. } => self.write(member, n).await,
            Self::Ours { writer, accounts } => writer.probe(member, nth(accounts, 0)?, n).await,
        }
    }

    /// A write, after the member was asked who there is.
    async fn look(&mut self, member: usize) -> Result<()> {
        if let Self::Ours { writer, .. } = self {
            writer.form().await?;
            writer.look(member).await?;
        }
        self.write(member, 0).await
    }
}

fn nth(accounts: &[Account], n: u64) -> Result<&Account> {
    let mut turns = accounts.iter().cycle();
    let nth = usize::try_from(n)? % accounts.len().max(1);
    turns.nth(nth).context("no accounts")
}

fn etcd_cluster(program: &Path, directory: &TempDir) -> Result<(Vec<Member>, Clients)> {
    let mut ports = Vec::new();
    for _ in 0..MEMBERS {
        ports.push((free_port()?, free_port()?));
    }
    let urls = ports
        .iter()
        .map(|(client, _)| format!("http://127.0.0.1:{client}"))
        .collect();
    let members = etcd::members(program, directory.path(), &ports);
    Ok((members, Clients::Etcd(urls)))
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Spread => "ours, all groups",
            Self::Etcd => "etcd",
        })
    }
}
