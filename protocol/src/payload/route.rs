//! `control.route_update`, between routers only (atp.md 7.3).

use serde::{Deserialize, Serialize};

use super::Payload;
use crate::error::Fault;
use crate::sign::{Secret, signature};
use crate::units::Tier;
use crate::value::Value;

/// Routes changed at another router.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteUpdate {
    /// The router.
    pub router_id: String,
    /// Increases with each update of that router.
    pub seq: u64,
    /// What changed, in order.
    #[serde(default)]
    pub ops: Vec<RouteOps>,
    /// Over the content, see [`RouteUpdate::verify`].
    pub sig: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteOps {
    /// Whether it comes or goes.
    pub op: RouteOp,
    /// What it leads to.
    pub agent_prefix: String,
    /// What can be done there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<RouteCaps>,
    /// How well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<RouteMetrics>,
    /// How long the route lasts unless repeated, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// Whether a route comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteOp {
    /// It comes, or replaces the one before.
    Announce,
    /// It goes.
    Withdraw,
}

/// What can be done over a route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteCaps {
    /// Tiers served; empty means all.
    #[serde(default)]
    pub qos: Vec<Tier>,
    /// Most concurrent calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

/// How well a route does.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RouteMetrics {
    /// 95th percentile latency in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// Share of failures, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err_rate: Option<f64>,
}

impl RouteUpdate {
    /// Whether the update in `payload` bears its sender's signature. If not, it is dropped and counted.
    ///
    /// Takes the payload because the signature is over what was received, members unknown to us included.
    #[must_use]
    pub fn verify(payload: &Payload<'_>, secret: &Secret) -> bool {
        let Some(Value::Object(content)) = &payload.content else {
            return false;
        };
        let sig = content.get("sig").and_then(Value::as_text);
        sig.is_some_and(|sig| signature::verify(content, sig, secret) == Ok(true))
    }

    /// A signed update, ready to send.
    ///
    /// # Errors
    /// None in practice: an update holds no byte strings, which alone cannot be signed.
    pub fn signed(mut self, secret: &Secret) -> Result<Payload<'static>, Fault> {
        self.sig.clear();
        let mut content = Value::of(&self);
        if let Some(members) = content.as_object_mut() {
            let sig = signature::of(members, secret)?;
            members.set("sig", sig);
        }
        Ok(Payload::new(super::Kind::RouteUpdate, content))
    }
}
