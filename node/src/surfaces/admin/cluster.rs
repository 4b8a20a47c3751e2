//! `GET /v1/admin/cluster`: members and groups.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply;

/// This node alone: it is in no group, so there is neither a leader nor a term to show.
pub(super) async fn get(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let status = surface.meta.status();
        json!({
            "members": [{
                "node": surface.settings.router_id,
                "role": "standalone",
                "draining": status.draining,
                "ready": status.store && status.routable_adapters > 0 && !status.draining,
                "streams": surface.router.shared.load.streams(),
            }],
            "groups": [],
        })
    });
    reply::answer(&surface, &correlation, result)
}
