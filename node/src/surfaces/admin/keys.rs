//! `POST` and `GET /v1/admin/api-keys`, `DELETE /v1/admin/api-keys/{id}`.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::{Surface, body, reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    account: AccountId,
    #[serde(default)]
    label: String,
    /// Its holder may dial in as an agent.
    #[serde(default)]
    may_declare_agents: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    key_id: &'a str,
    key: &'a str,
}

/// Makes a key; the reply is the only place it is ever shown.
pub(super) async fn make(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let wanted: Wanted = body::wish(&surface, &request, payload, "api key").await?;
        let meta = &surface.meta;
        meta.make_key(wanted.account, &wanted.label, wanted.may_declare_agents)
            .await
    };
    let minted = result.await;
    let shown = minted.as_ref().map(|minted| Shown {
        key_id: &minted.id,
        key: minted.key.expose(),
    });
    let created = shown.map(|shown| (StatusCode::CREATED, shown));
    reply::answer_as(&surface, &correlation, created.map_err(Fault::clone))
}

/// All keys but the operator's; never the keys themselves.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let listed = identify_admin(&surface, &request).map(|_| surface.meta.keys().list());
    reply::answer(&surface, &correlation, listed)
}

/// Ends a key; answers what it was.
pub(super) async fn revoke(request: HttpRequest, id: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let revoked = async {
        identify_admin(&surface, &request)?;
        surface.meta.revoke_key(&id).await
    };
    reply::answer(&surface, &correlation, revoked.await)
}
