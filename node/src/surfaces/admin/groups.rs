//! `POST /v1/admin/cluster/transfer`, `…/balance` and `…/snapshot`: who leads the groups, and their snapshots. At any member; what only a
//! leader can do is done there.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::error::{Code, Fault};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::{Surface, body, reply};

/// Which group is to be led by whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    group: String,
    to: NodeId,
}

/// Of which group; of all when it is absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    group: Option<String>,
}

/// Hands a group over; done when the other leads.
pub(super) async fn transfer(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let wanted: Transfer = body::wish(&surface, &request, payload, "transfer").await?;
        let group = named(&wanted.group)?;
        surface.meta.cluster.hand_over(group, wanted.to).await?;
        Ok(json!({ "group": group.to_string(), "leader": wanted.to }))
    };
    reply::answer(&surface, &correlation, result.await)
}

/// Spreads leaders over the members that can lead; tells each hand-over, and why it failed if it did.
pub(super) async fn balance(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let moves = surface.meta.cluster.balance().await;
        let moves = moves.into_iter().map(|moved| {
            json!({
                "group": moved.group.to_string(),
                "from": moved.from,
                "to": moved.to,
                "trouble": moved.fault.map(|fault| fault.to_string()),
            })
        });
        Ok(json!({ "moves": moves.collect::<Vec<_>>() }))
    };
    reply::answer(&surface, &correlation, result.await)
}

/// Takes snapshots at the leaders; the first group that fails is the answer.
pub(super) async fn snapshot(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let wanted: Snapshot = body::wish(&surface, &request, payload, "snapshot").await?;
        let cluster = &surface.meta.cluster;
        let groups: Vec<GroupId> = match wanted.group {
            Some(group) => vec![named(&group)?],
            None => cluster
                .groups
                .statuses()
                .iter()
                .map(|status| status.group)
                .collect(),
        };
        let taken = groups.into_iter().map(|group| async move {
            let (node, index) = cluster.snapshot(group).await?;
            Ok(json!({ "group": group.to_string(), "node": node, "index": index }))
        });
        let taken: Result<Vec<Value>, Fault> = join_all(taken).await.into_iter().collect();
        Ok(json!({ "snapshots": taken? }))
    };
    reply::answer(&surface, &correlation, result.await)
}

fn named(group: &str) -> Result<GroupId, Fault> {
    group
        .parse()
        .map_err(|error| Fault::new(Code::BadInput, format!("group {group}: {error}")))
}
