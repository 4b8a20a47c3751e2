//! `GET /v1/admin/personas`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use atp_actors::persona::Member;
use serde_json::{Value, json};

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// All personas with how they do, by name.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let members = surface.meta.registry.personas.all();
        members
            .values()
            .map(|member| shown(member))
            .collect::<Vec<Value>>()
    });
    reply::answer(&surface, &correlation, result)
}

fn shown(member: &Member) -> Value {
    let standing = member.standing();
    let by_adapter: BTreeMap<&str, f64> = standing
        .by_adapter
        .iter()
        .map(|(adapter, score)| (adapter.as_str(), *score))
        .collect();
    json!({
        "id": member.name.id,
        "tenant": member.name.owner,
        "clones": member.clones(),
        "compliance": member.compliance,
        "reputation_score": standing.reputation.map(|reputation| reputation.score),
        "reliability_score": standing.reputation.map(|reputation| reputation.reliability),
        "sample_count": standing.reputation.map(|reputation| reputation.samples),
        "score": standing.score,
        "by_adapter": by_adapter,
    })
}
