//! What the registry is told and asked.

use std::sync::Arc;

use actix::Message;
use atp_protocol::adapter::{AgentStatus, Capability, Health};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use atp_protocol::ids::TenantId;
use atp_routing::policy::Lint;

use super::AdapterSpec;
use crate::adapter::{AdapterFactory, AdapterName};

/// One registration: a name, and the factory it was registered with, which tells it from others of that name.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) name: AdapterName,
    pub(crate) factory: Arc<dyn AdapterFactory>,
}

/// An adapter is there. One of the same name is replaced.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(crate) struct Register(pub(crate) AdapterSpec);

/// The adapter of this registration has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Withdraw(pub(crate) Claim);

/// An adapter's condition changed, as it says or as a poll found.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Report {
    pub(crate) claim: Claim,
    pub(crate) health: Option<Health>,
    pub(crate) models: Option<Vec<String>>,
    pub(crate) is_compliant: Option<bool>,
}

/// Put a policy document in force. Answers with its version and the previous one.
#[derive(Message)]
#[rtype(result = "Result<(u64, u64), Vec<Lint>>")]
pub(super) struct LoadPolicy {
    pub(super) text: String,
    /// The version that the cluster agreed on; `None` for the next one of this node.
    pub(super) version: Option<u64>,
}

/// Look at the adapters a tenant knows of; `None` looks at all.
#[derive(Message)]
#[rtype(result = "Vec<AdapterView>")]
pub(super) struct List(pub(super) Option<TenantId>);

/// Look at every registration as it is, and whether it passed its probe or needs none.
#[derive(Message)]
#[rtype(result = "Vec<(AdapterSpec, bool)>")]
pub(super) struct Specs;

/// An adapter as those see it who know of it.
#[derive(Debug, Clone)]
pub struct AdapterView {
    /// What it declared.
    pub capability: Arc<Capability>,
    /// The tenant it works for; `None` is everybody.
    pub owner: Option<TenantId>,
    /// How it is attached: `local`, `configured`, `dialled` or `remote`.
    pub attachment: &'static str,
    /// The other node it is attached to; `None` if it is attached here.
    pub node: Option<NodeId>,
    /// Its last health report.
    pub health: Option<Health>,
    /// Readiness.
    pub status: AgentStatus,
    /// `closed`, `open` or `half-open`.
    pub circuit: &'static str,
    /// Measured 95th percentile to the first chunk, in milliseconds.
    pub p95_ms: Option<u32>,
    /// Measured share of failed calls.
    pub error_rate: f64,
    /// Calls in flight.
    pub in_flight: u32,
    /// Calls it may have at once.
    pub window: u32,
    /// Passed its compliance probe, or needs none.
    pub is_compliant: bool,
    /// Why it has no candidates, if it has none.
    pub unroutable: Option<&'static str>,
}
