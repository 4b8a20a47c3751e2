//! `adapter.capability` and `adapter.health` (atp.md 7.3). Their types are those of [`crate::adapter`].

use serde::Deserialize;

use super::Payload;
use super::read::{bad, content};
use crate::adapter::{Capability, Health};
use crate::error::Fault;
use crate::ids::AdapterId;

pub(super) fn capability(payload: &Payload<'_>) -> Result<Capability, Fault> {
    let capability: Capability = content(payload)?;
    capability.check().map_err(bad)?;
    Ok(capability)
}

/// An adapter's condition, and which adapter it is.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterHealth {
    /// Whose.
    pub adapter_id: AdapterId,
    /// The figures; `error_rate` is a share, whatever it was sent as.
    pub health: Health,
}

#[derive(Deserialize)]
struct Whose {
    adapter_id: AdapterId,
}

impl AdapterHealth {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let Whose { adapter_id } = content(payload)?;
        let mut health: Health = content(payload)?;
        health.error_rate = health.error_rate.map(share).transpose()?;
        let figures = [
            health.p50_latency_ms,
            health.p95_latency_ms,
            health.p99_latency_ms,
            health.requests_per_second,
        ];
        match figures.into_iter().flatten().all(|figure| figure >= 0.0) {
            true => Ok(Self { adapter_id, health }),
            false => Err(bad("latencies and rates must not be negative")),
        }
    }
}

/// Agents disagree on whether the rate is a share or a percentage; above 1 it can only be the latter.
fn share(rate: f64) -> Result<f64, Fault> {
    match rate {
        0.0..=1.0 => Ok(rate),
        1.0..=100.0 => Ok(rate / 100.0),
        _ => Err(bad(
            "error_rate must be a share from 0 to 1, or a percentage to 100",
        )),
    }
}
