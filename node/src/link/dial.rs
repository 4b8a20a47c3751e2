//! Keeps a connection to each member for one lane: dials in the background, waits longer after each failure, and tells each change once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Code, Refusal};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::connection::{Connection, Ended, Pump};
use super::handle::{Members, Shared};
use super::handshake::{self, HandshakeError};
use super::table::Table;
use crate::environment::ByteStream;

/// A connection that lived for so long has proved its member: the next attempt does not wait long.
const PROVED_MS: u64 = 1_000;

/// Dials whoever is a member, until the link stops or nobody holds the lane.
pub(super) async fn keep(shared: Arc<Shared>, table: Weak<Table>) {
    let mut members = shared.members.subscribe();
    let mut stop = shared.stop.subscribe();
    let mut dialling = Dialling::default();
    let Some(dropped) = table.upgrade().map(|table| table.dropped()) else {
        return;
    };
    tokio::pin!(dropped);
    loop {
        {
            let wanted = Arc::clone(&members.borrow_and_update());
            let Some(table) = table.upgrade() else { return };
            dialling.follow(&wanted, &shared, &table);
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return dialling.leave(),
            () = &mut dropped => return,
            changed = members.changed() => if changed.is_err() { return },
        }
    }
}

/// A task for each member; ended when dropped.
#[derive(Default)]
struct Dialling(BTreeMap<NodeId, AbortHandle>);

impl Dialling {
    fn follow(&mut self, wanted: &Members, shared: &Arc<Shared>, table: &Arc<Table>) {
        self.0.retain(|member, task| {
            let is_wanted = wanted.contains_key(member);
            if !is_wanted {
                task.abort();
                table.forget(*member);
            }
            is_wanted
        });
        for member in wanted.keys().filter(|member| **member != shared.node) {
            self.0.entry(*member).or_insert_with(|| {
                let dialler = Dialler {
                    shared: Arc::clone(shared),
                    table: Arc::downgrade(table),
                    members: shared.members.subscribe(),
                    member: *member,
                    wait: shared.settings.backoff.0,
                };
                tokio::task::spawn_local(dialler.run()).abort_handle()
            });
        }
    }

    /// Lets each end by itself, as the stop tells them.
    fn leave(mut self) {
        self.0.clear();
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        for task in self.0.values() {
            task.abort();
        }
    }
}

/// Keeps the connection to one member.
struct Dialler {
    shared: Arc<Shared>,
    table: Weak<Table>,
    members: watch::Receiver<Arc<Members>>,
    member: NodeId,
    /// Before the next attempt.
    wait: Duration,
}

impl Dialler {
    async fn run(mut self) {
        let mut stop = self.shared.stop.subscribe();
        loop {
            let attempt = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                attempt = self.connect() => attempt,
            };
            let ended = match attempt {
                Ok((connection, pump)) => self.hold(&connection, pump, &mut stop).await,
                Err(error) => {
                    self.trouble(&error);
                    ControlFlow::Continue(())
                }
            };
            if ended.is_break() || self.pause(&mut stop).await.is_break() {
                return;
            }
        }
    }

    async fn connect(&mut self) -> Result<(Arc<Connection>, Pump<impl ByteStream + use<>>), HandshakeError> {
        let members = Arc::clone(&self.members.borrow_and_update());
        let address = members.get(&self.member).ok_or(HandshakeError::NoMember)?;
        let lane = self.table.upgrade().ok_or(HandshakeError::NoMember)?.lane;
        handshake::dial(&self.shared, self.member, address, lane).await
    }

    /// Tells why there is no connection, once.
    fn trouble(&self, error: &HandshakeError) {
        let Some(table) = self.table.upgrade() else { return };
        if table.trouble(self.member, &error.to_string()) {
            let (member, lane) = (self.member, table.lane);
            warn!(%member, %lane, reason = %error, "cannot reach a member");
        }
    }

    /// Runs a connection to its end. Does not hold the table meanwhile: whoever does decides how long there is a lane.
    async fn hold<S: ByteStream>(
        &mut self,
        connection: &Arc<Connection>,
        mut pump: Pump<S>,
        stop: &mut watch::Receiver<bool>,
    ) -> ControlFlow<()> {
        let member = self.member;
        let table = || self.table.upgrade();
        let Some(lane) = table().map(|table| {
            table.insert(connection);
            table.lane
        }) else {
            return ControlFlow::Break(());
        };
        info!(%member, %lane, "connected to a member");
        let ended = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => {
                if let Some(table) = table() {
                    table.forget(member);
                }
                connection.leave(Refusal::new(Code::STOPPING, "this member is stopping"));
                pump.await;
                return ControlFlow::Break(());
            }
            ended = &mut pump => ended,
        };
        if let Some(table) = table() {
            table.trouble(member, &ended.to_string());
        }
        match ended {
            Ended::Left(_) => info!(%member, %lane, reason = %ended, "a member left the link"),
            Ended::Closed
            | Ended::Silent
            | Ended::Deaf
            | Ended::Io(_)
            | Ended::Frame(_)
            | Ended::Violation(_) => {
                warn!(%member, %lane, reason = %ended, "lost a member");
            }
        }
        if self.shared.clock.now().since(connection.since) >= PROVED_MS {
            self.wait = self.shared.settings.backoff.0;
        }
        ControlFlow::Continue(())
    }

    /// Waits before the next attempt, between half and all of the current wait, or until somebody's address changes.
    async fn pause(&mut self, stop: &mut watch::Receiver<bool>) -> ControlFlow<()> {
        let mut byte = [0];
        self.shared.random.fill(&mut byte);
        let wait = self.wait.mul_f64(0.5 + f64::from(byte[0]) / 512.0);
        self.wait = (self.wait * 2).min(self.shared.settings.backoff.1);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => ControlFlow::Break(()),
            changed = self.members.changed() => match changed {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
            () = tokio::time::sleep(wait) => ControlFlow::Continue(()),
        }
    }
}
