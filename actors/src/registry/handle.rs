//! The registry, from any arbiter.

use std::sync::Arc;

use actix::Addr;
use atp_protocol::adapter::Health;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::TenantId;
use atp_routing::policy::Lint;
use tokio::sync::watch;

use super::messages::{AdapterView, Claim, List, LoadPolicy, Register, Report, Specs, Withdraw};
use super::{AdapterSpec, Registry, Snapshots};
use crate::adapter::{AdapterName, Congested, Directory, Said};
use crate::persona::Roster;

/// Cheap to clone.
#[derive(Clone)]
pub struct RegistryHandle {
    addr: Addr<Registry>,
    /// What requests are routed by.
    pub snapshots: Arc<Snapshots>,
    /// The adapters behind the candidates.
    pub directory: Arc<Directory>,
    /// The personas of policy and adapters, and how they do.
    pub personas: Arc<Roster>,
    changes: watch::Receiver<u64>,
}

impl RegistryHandle {
    pub(super) fn new(
        addr: Addr<Registry>,
        snapshots: Arc<Snapshots>,
        directory: Arc<Directory>,
        personas: Arc<Roster>,
        changes: watch::Receiver<u64>,
    ) -> Self {
        Self {
            addr,
            snapshots,
            directory,
            personas,
            changes,
        }
    }

    /// Told when an adapter has come, gone, or says something else of itself.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Every registration with what its adapter declared last, and whether it passed its probe or needs none.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn specs(&self) -> Result<Vec<(AdapterSpec, bool)>, Fault> {
        self.addr.send(Specs).await.map_err(|_| stopped())
    }

    /// Removes what was registered with `spec`; calls in flight go on. One that has replaced it stays.
    pub async fn retire(&self, spec: &AdapterSpec) {
        self.withdraw(spec.claim()).await;
    }

    /// Adds an adapter or replaces the one of its name, which is told so.
    ///
    /// # Errors
    /// `EWINDOW` when there are as many as there may be, `ESEC` when the name is not to be had.
    pub async fn register(&self, spec: AdapterSpec) -> Result<(), Fault> {
        self.addr.send(Register(spec)).await.map_err(|_| stopped())?
    }

    /// Removes the adapter of this registration; calls in flight go on. One that has replaced it stays.
    pub(crate) async fn withdraw(&self, claim: Claim) {
        // A stopped registry routes nothing anyway.
        let _ = self.addr.send(Withdraw(claim)).await;
    }

    /// An adapter said something that changes nothing: it is there.
    pub(crate) fn report_alive(&self, claim: Claim) {
        let _ = self.addr.try_send(Report {
            claim,
            health: None,
            models: None,
            is_compliant: None,
        });
    }

    /// Takes what was found of the condition of the adapter that was registered with `spec`, as a poll would.
    pub fn report(&self, spec: &AdapterSpec, health: Health) {
        self.addr.do_send(Report {
            claim: spec.claim(),
            health: Some(health),
            models: None,
            is_compliant: None,
        });
    }

    /// Takes an adapter's own health report. A full registry hears the next one.
    pub(crate) fn report_health(&self, claim: Claim, health: Health) {
        let _ = self.addr.try_send(Report {
            claim,
            health: Some(health),
            models: None,
            is_compliant: None,
        });
    }

    /// Says whether an adapter passed its compliance probe.
    pub(crate) fn report_compliance(&self, claim: Claim, is_compliant: bool) {
        self.addr.do_send(Report {
            claim,
            health: None,
            models: None,
            is_compliant: Some(is_compliant),
        });
    }

    /// Takes an adapter's readiness and the calls it suggests.
    pub(crate) fn report_status(&self, name: &AdapterName, said: Said) {
        if let Some(endpoint) = self.directory.named(name) {
            let _ = endpoint.actor.try_send(said);
        }
    }

    /// Takes a mark of congestion on an adapter's frames.
    pub(crate) fn report_congestion(&self, name: &AdapterName) {
        if let Some(endpoint) = self.directory.named(name) {
            let _ = endpoint.actor.try_send(Congested);
        }
    }

    /// Puts a policy document in force; answers with its version and the previous one. `version`: what the cluster agreed on.
    ///
    /// # Errors
    /// The outer one when the node is stopping, the inner one the document's problems.
    pub async fn load_policy(
        &self,
        text: String,
        version: Option<u64>,
    ) -> Result<Result<(u64, u64), Vec<Lint>>, Fault> {
        let load = LoadPolicy { text, version };
        self.addr.send(load).await.map_err(|_| stopped())
    }

    /// The adapters that `tenant` knows of, everybody's first, by id; `None` lists all.
    ///
    /// # Errors
    /// When the node is stopping.
    pub async fn list(&self, tenant: Option<TenantId>) -> Result<Vec<AdapterView>, Fault> {
        self.addr.send(List(tenant)).await.map_err(|_| stopped())
    }

    /// Adapters with at least one candidate.
    #[must_use]
    pub fn routable(&self) -> usize {
        self.snapshots.routable()
    }
}

fn stopped() -> Fault {
    Fault::new(Code::Draining, "the node is stopping; connect to another")
}
