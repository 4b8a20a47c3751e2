//! `POST /v1/admin/api-keys`.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
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
