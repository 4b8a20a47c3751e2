//! `PUT`, `GET` and `DELETE /v1/admin/accounts/{id}`, `GET /v1/admin/accounts`.

use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::ledger::AccountView;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_routing::budget::Limits;
use serde::{Deserialize, Serialize};

use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::{Surface, body, reply};

/// What a `PUT` may say. An absent limit is no limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    parent: Option<AccountId>,
    limit_tokens: Option<u64>,
    limit_usd_micros: Option<u64>,
    max_parallel: Option<u32>,
}

/// An account in JSON (design section 12).
#[derive(Serialize)]
struct Shown {
    id: AccountId,
    parent: Option<AccountId>,
    limit_tokens: Option<u64>,
    limit_usd_micros: Option<u64>,
    max_parallel: Option<u32>,
    settled_tokens: u64,
    settled_usd_micros: u64,
    held_tokens: u64,
    held_usd_micros: u64,
    in_flight: u32,
    overrun_tokens: u64,
    overrun_usd_micros: u64,
    unknown_tokens: u64,
    unknown_usd_micros: u64,
    applied_index: u64,
}

impl From<AccountView> for Shown {
    fn from(view: AccountView) -> Self {
        let balance = view.balance;
        Self {
            id: view.id,
            parent: view.parent,
            limit_tokens: view.limits.limit_tokens,
            limit_usd_micros: view.limits.limit_usd_micros,
            max_parallel: view.limits.max_parallel,
            settled_tokens: balance.settled.tokens,
            settled_usd_micros: balance.settled.usd_micros,
            held_tokens: balance.held.tokens,
            held_usd_micros: balance.held.usd_micros,
            in_flight: balance.in_flight,
            overrun_tokens: balance.overrun.tokens,
            overrun_usd_micros: balance.overrun.usd_micros,
            unknown_tokens: balance.unknown.tokens,
            unknown_usd_micros: balance.unknown.usd_micros,
            applied_index: view.applied_index,
        }
    }
}

/// Makes an account or replaces its limits.
pub(super) async fn put(request: HttpRequest, path: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let id = account_id(&path)?;
        let wanted: Wanted = body::wish(&surface, &request, payload, "account limits").await?;
        let limits = Limits {
            limit_tokens: wanted.limit_tokens,
            limit_usd_micros: wanted.limit_usd_micros,
            max_parallel: wanted.max_parallel,
        };
        surface.meta.put_account(id, wanted.parent, limits).await
    };
    reply::answer(&surface, &correlation, result.await.map(Shown::from))
}

/// One account.
pub(super) async fn get(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let id = account_id(&path)?;
        let missing = || Fault::no_such(format!("no account {}; PUT it first", *path));
        surface.meta.ledger.account(id).await?.ok_or_else(missing)
    };
    reply::answer(&surface, &correlation, result.await.map(Shown::from))
}

/// Deletes an account; answers what it was.
pub(super) async fn delete(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        surface.meta.delete_account(account_id(&path)?).await
    };
    reply::answer(&surface, &correlation, result.await.map(Shown::from))
}

/// All accounts, by name.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        surface.meta.ledger.accounts().await
    };
    let shown = |views: Vec<AccountView>| views.into_iter().map(Shown::from).collect::<Vec<_>>();
    reply::answer(&surface, &correlation, result.await.map(shown))
}

fn account_id(text: &str) -> Result<AccountId, Fault> {
    AccountId::new(text).map_err(|error| Fault::new(Code::BadInput, format!("account id: {error}")))
}
