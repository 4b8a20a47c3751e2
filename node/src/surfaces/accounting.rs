//! `GET /v1/usage` and `GET /v1/cost`: what the credential's account has spent and may still spend.

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::ledger::AccountView;
use atp_protocol::error::Fault;
use serde_json::{Value, json};

use super::Surface;
use super::caller::{correlation_id, identify};
use super::endpoint::{at, look};
use super::reply;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/v1/usage", "GET, HEAD").route(look().to(usage)))
        .service(at("/v1/cost", "GET, HEAD").route(look().to(cost)));
}

async fn usage(request: HttpRequest) -> HttpResponse {
    account(request, |view| {
        let (balance, limits) = (&view.balance, &view.limits);
        json!({
            "account": view.id,
            "tokens": balance.settled.tokens,
            "held_tokens": balance.held.tokens,
            "limit_tokens": limits.limit_tokens,
            "overrun_tokens": balance.overrun.tokens,
            "unknown_tokens": balance.unknown.tokens,
            "in_flight": balance.in_flight,
            "max_parallel": limits.max_parallel,
            "applied_index": view.applied_index,
        })
    })
    .await
}

async fn cost(request: HttpRequest) -> HttpResponse {
    account(request, |view| {
        let (balance, limits) = (&view.balance, &view.limits);
        json!({
            "account": view.id,
            "usd_micros": balance.settled.usd_micros,
            "usd": balance.settled.usd_micros as f64 / 1e6,
            "held_usd_micros": balance.held.usd_micros,
            "limit_usd_micros": limits.limit_usd_micros,
            "overrun_usd_micros": balance.overrun.usd_micros,
            "unknown_usd_micros": balance.unknown.usd_micros,
            "applied_index": view.applied_index,
        })
    })
    .await
}

/// The credential's account, then those it is part of, each in the words of `shown`.
async fn account(request: HttpRequest, shown: fn(&AccountView) -> Value) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let mut next = Some(identity.account.clone().ok_or_else(unaccounted)?);
        let mut views = Vec::new();
        while let Some(id) = next {
            let view = surface.meta.ledger.account(id).await?.ok_or_else(unaccounted)?;
            next = view.parent.clone();
            views.push(shown(&view));
        }
        let mut own = views.remove(0);
        own["tenant"] = identity.tenant.as_str().into();
        own["parents"] = views.into();
        Ok(own)
    };
    reply::answer(&surface, &correlation_id, result.await)
}

fn unaccounted() -> Fault {
    let detail = "this key spends from no account; the operator reads /v1/admin/accounts";
    Fault::no_such(detail)
}
