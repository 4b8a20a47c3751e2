//! All groups of a node: over one store and one writer, reached through one [`Groups::serve`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atp_protocol::cluster::{GroupId, NodeId};
use futures_util::future::join_all;
use openraft::AsyncRuntime;
use openraft::error::{InitializeError, RaftError};
use tokio::sync::Semaphore;

use crate::config::{Environment, Options};
use crate::group::{ChangeError, Core, Group, OpenError, Status};
use crate::machine::Machine;
use crate::rpc::{self, Links, Message, Reply};
use crate::runtime::Runtime;
use crate::state::{Host, Subscriber};
use crate::types::{Member, raft_id};
use crate::version::Gate;
use crate::wire;

/// The groups of a node. Clones are the same groups.
#[derive(Clone)]
pub struct Groups(Arc<Inner>);

struct Inner {
    environment: Environment,
    options: Options,
    /// For what this node asks of others beside appends and votes.
    room: Arc<Semaphore>,
    gate: Gate,
    open: Mutex<BTreeMap<GroupId, Arc<Core>>>,
}

impl Groups {
    /// No group is open.
    #[must_use]
    pub fn new(environment: Environment, options: Options) -> Self {
        Self(Arc::new(Inner {
            gate: Gate::new(environment.reads),
            environment,
            room: Arc::new(Semaphore::new(options.asked)),
            options,
            open: Mutex::default(),
        }))
    }

    fn open_groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Arc<Core>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Core>> {
        self.open_groups().values().cloned().collect()
    }

    /// Opens a group where it was left, within the calling Tokio runtime, which then runs it. `machine` is its state before the first
    /// command. A group without members waits for [`Self::initialise`], or until a leader adds this node as a learner.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open<M: Machine>(
        &self,
        id: GroupId,
        machine: M,
        subscriber: Subscriber<M::Effect>,
    ) -> Result<Group<M>, OpenError> {
        if self.open_groups().contains_key(&id) {
            return Err(OpenError::Open(id));
        }
        let environment = &self.0.environment;
        let gate = self.0.gate.clone();
        let host = Arc::new(Host::new(machine, subscriber, gate.clone()));
        let links = Links {
            group: id,
            transport: Arc::clone(&environment.transport),
            standing: Arc::default(),
            room: Arc::clone(&self.0.room),
        };
        let any = Arc::clone(&host);
        let core = Arc::new(Core::open(environment, &self.0.options, links, any, gate).await?);
        self.open_groups().insert(id, Arc::clone(&core));
        Ok(Group::new(core, host))
    }

    /// Makes this node the only member of every open group that has none, and its leader. `address` is where its link listens.
    ///
    /// # Errors
    /// [`ChangeError::Stopped`].
    pub async fn initialise(&self, address: &str) -> Result<(), ChangeError> {
        let node = raft_id(self.0.environment.node);
        let member = Member {
            address: address.to_owned(),
        };
        for core in self.all() {
            match core
                .raft
                .initialize(BTreeMap::from([(node, member.clone())]))
                .await
            {
                // Not allowed: it has members.
                Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
                Err(error) => return Err(ChangeError::Stopped(error.to_string())),
            }
        }
        Ok(())
    }

    /// Answers what member `from` asks through its [`Transport`](crate::transport::Transport). Whatever the bytes are, there is an answer.
    pub async fn serve(&self, from: NodeId, request: &[u8]) -> Vec<u8> {
        let reply = match wire::decode::<Message>(request) {
            Err(error) => Reply::Unavailable(error.to_string()),
            Ok(Message { group, request }) => {
                let core = self.open_groups().get(&group).cloned();
                match core {
                    None => Reply::Unavailable(format!("group {group} is not open")),
                    Some(core) => rpc::serve(&core, from, request).await,
                }
            }
        };
        wire::encode(&reply)
    }

    /// How all open groups are, in the order of their ids.
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        self.all().iter().map(|core| core.watch().get()).collect()
    }

    /// Stops all groups. What waits ends as unknown. A group that is writing ends when the write does, which is waited for so long; false
    /// if one still writes then.
    pub async fn stop(&self, within: Duration) -> bool {
        let open = std::mem::take(&mut *self.open_groups());
        let stopping = join_all(open.values().map(|core| core.stop()));
        Runtime::timeout(within, stopping).await.is_ok()
    }
}
