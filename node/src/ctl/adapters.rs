//! `atpctl adapters`

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::As;
use super::screen::or_dash;
use super::{Failure, Operator};

/// An adapter as `GET /v1/admin/adapters` describes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Adapter {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) attachment: String,
    /// The member it is attached to.
    node: Option<u16>,
    pub(super) status: String,
    pub(super) circuit: String,
    pub(super) health: Option<String>,
    pub(super) p95_ms: Option<u32>,
    pub(super) error_rate: f64,
    pub(super) in_flight: u32,
    pub(super) window: u32,
    pub(super) is_compliant: bool,
    pub(super) unroutable: Option<String>,
    models: Vec<String>,
    personas: Vec<String>,
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

impl Adapter {
    /// Why no request goes there, if none does.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(reason) = &self.unroutable {
            return Some(reason.clone());
        }
        if self.circuit != "closed" {
            return Some(format!("circuit {}", self.circuit));
        }
        (!self.is_compliant).then(|| "failed its compliance probe".to_owned())
    }
}

pub(super) async fn run(operator: &mut Operator) -> Result<(), Failure> {
    let adapters: Vec<Adapter> = operator.client.get(As::Admin, "/v1/admin/adapters").await?;
    let screen = &mut operator.screen;
    if screen.is_json {
        return screen.json(&adapters);
    }
    let rows = adapters
        .iter()
        .map(|adapter| {
            vec![
                adapter.id.clone(),
                adapter.kind.clone(),
                adapter.attachment.clone(),
                or_dash(adapter.node),
                adapter.status.clone(),
                or_dash(adapter.health.as_ref()),
                adapter.circuit.clone(),
                or_dash(adapter.p95_ms),
                format!("{:.1}%", adapter.error_rate * 100.0),
                format!("{}/{}", adapter.in_flight, adapter.window),
                or_dash(adapter.trouble()),
            ]
        })
        .collect();
    screen.table(
        &[
            "adapter",
            "kind",
            "attached",
            "node",
            "status",
            "health",
            "circuit",
            "p95 ms",
            "errors",
            "calls",
            "not routable",
        ],
        &["p95 ms", "errors", "calls"],
        rows,
    )
}
