//! An adapter and where it is, as the cluster keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_actors::adapter::{AdapterFactory, AdapterName};
use atp_actors::registry::{AdapterSpec, Attachment, PriceList};
use atp_protocol::adapter::Capability;
use atp_protocol::cluster::NodeId;
use atp_protocol::estimate::Price;
use atp_protocol::ids::{AdapterId, TenantId};
use serde::{Deserialize, Serialize};

/// Whose an adapter is, and what it is called.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::remote) struct Name {
    id: AdapterId,
    /// Absent is everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<TenantId>,
}

impl From<&AdapterName> for Name {
    fn from(name: &AdapterName) -> Self {
        Self {
            id: name.id.clone(),
            owner: name.owner.clone(),
        }
    }
}

impl From<Name> for AdapterName {
    fn from(name: Name) -> Self {
        Self {
            id: name.id,
            owner: name.owner,
        }
    }
}

/// What other nodes must know of an adapter to route to it.
#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Place {
    capability: Arc<Capability>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    prices: BTreeMap<String, Price>,
    /// For models without one; absent leaves them unroutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    region: Arc<str>,
    window: u32,
    cancel_stops_billing: bool,
    is_dialled: bool,
}

impl From<&AdapterSpec> for Place {
    fn from(spec: &AdapterSpec) -> Self {
        Self {
            capability: Arc::clone(&spec.capability),
            prices: spec.prices.models.clone(),
            price: spec.prices.other,
            region: Arc::clone(&spec.region),
            window: spec.window,
            cancel_stops_billing: spec.cancel_stops_billing,
            is_dialled: spec.attachment.is_dialled(),
        }
    }
}

impl Place {
    pub(in crate::remote) fn capability(&self) -> &Arc<Capability> {
        &self.capability
    }

    /// For the registry of another node than `node`, where it is attached; `factory` builds what calls it.
    pub(in crate::remote) fn spec(
        self,
        node: NodeId,
        owner: Option<TenantId>,
        factory: Arc<dyn AdapterFactory>,
    ) -> AdapterSpec {
        AdapterSpec {
            capability: self.capability,
            owner,
            factory,
            attachment: Attachment::Remote {
                node,
                is_dialled: self.is_dialled,
            },
            region: self.region,
            prices: PriceList {
                models: self.prices,
                other: self.price,
            },
            window: self.window,
            cancel_stops_billing: self.cancel_stops_billing,
        }
    }
}
