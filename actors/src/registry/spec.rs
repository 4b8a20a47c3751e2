//! An adapter on its way into the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::adapter::Capability;
use atp_protocol::cluster::NodeId;
use atp_protocol::estimate::Price;
use atp_protocol::ids::TenantId;

use super::messages::Claim;
use crate::adapter::{AdapterFactory, AdapterName};

/// How an adapter is attached, which decides what its silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// Runs inside the node: there as long as the node is.
    Local,
    /// Configured by the operator and polled for its health.
    Configured,
    /// Dialled in: reports its health itself, leaves with its connection.
    Dialled,
    /// Attached to another node and called there; polled for its health. An adapter of its name that is attached here goes first.
    Remote {
        /// Which node.
        node: NodeId,
        /// It dialled in there.
        is_dialled: bool,
    },
}

impl Attachment {
    /// The other node it is attached to; `None` if it is attached here.
    #[must_use]
    pub const fn elsewhere(self) -> Option<NodeId> {
        match self {
            Self::Local | Self::Configured | Self::Dialled => None,
            Self::Remote { node, .. } => Some(node),
        }
    }

    /// Whether it dialled in, here or elsewhere.
    #[must_use]
    pub const fn is_dialled(self) -> bool {
        matches!(self, Self::Dialled | Self::Remote { is_dialled: true, .. })
    }

    /// `local`, `configured`, `dialled` or `remote`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Configured => "configured",
            Self::Dialled => "dialled",
            Self::Remote { .. } => "remote",
        }
    }
}

/// Prices by model, and one for all others.
#[derive(Debug, Clone, Default)]
pub struct PriceList {
    /// By model.
    pub models: BTreeMap<String, Price>,
    /// For models not listed; `None` leaves them unroutable.
    pub other: Option<Price>,
}

impl PriceList {
    /// The price of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        self.models.get(model).copied().or(self.other)
    }
}

/// Everything the registry needs to know of an adapter.
#[derive(Clone)]
pub struct AdapterSpec {
    /// What it declares.
    pub capability: Arc<Capability>,
    /// The tenant it works for; `None` is everybody.
    pub owner: Option<TenantId>,
    /// Builds an arbiter's instance.
    pub factory: Arc<dyn AdapterFactory>,
    /// How it is attached.
    pub attachment: Attachment,
    /// Where it runs.
    pub region: Arc<str>,
    /// What it costs.
    pub prices: PriceList,
    /// Calls it may have at once when nothing is known against it.
    pub window: u32,
    /// Whether dropping a call stops what it costs.
    pub cancel_stops_billing: bool,
}

impl AdapterSpec {
    /// Whose it is, and what it is called.
    #[must_use]
    pub fn name(&self) -> AdapterName {
        AdapterName {
            owner: self.owner.clone(),
            id: self.capability.adapter_id.clone(),
        }
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim {
            name: self.name(),
            factory: Arc::clone(&self.factory),
        }
    }
}
