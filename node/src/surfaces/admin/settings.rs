//! `GET /v1/admin/settings`; `GET`, `PUT`, `DELETE /v1/admin/settings/{name}`: configuration keys for the whole cluster.

use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::error::{Code, Fault};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::meta::Setting;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::{Surface, body, reply};

/// All keys that can be changed, as this node goes by them.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).map(|_| {
        let settings: Vec<Value> = surface.meta.settings().iter().map(shown).collect();
        let (version, in_force) = surface.meta.settings_version();
        json!({ "version": version, "in_force": in_force, "settings": settings })
    });
    reply::answer(&surface, &correlation, result)
}

/// One key.
pub(super) async fn get(request: HttpRequest, name: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = identify_admin(&surface, &request).and_then(|_| surface.meta.setting(&name));
    reply::answer(
        &surface,
        &correlation,
        result.map(|setting| one(&surface, &setting)),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    value: Written,
}

/// A value as JSON has it; the configuration file writes no others where keys can be changed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Is(bool),
    Number(u64),
    Text(String),
}

/// Changes a key; in force at this node when it is answered.
pub(super) async fn put(request: HttpRequest, name: Path<String>, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let wanted: Wanted = body::wish(&surface, &request, payload, "setting")
            .await
            .map_err(|fault| match fault.code {
                Code::BadInput => Fault::new(
                    Code::BadInput,
                    "setting: write {\"value\": …} with a whole number, a text, true or false",
                ),
                _ => fault,
            })?;
        let value = match wanted.value {
            Written::Is(is) => is.to_string(),
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        let setting = surface.meta.put_setting(&name, value).await?;
        Ok(one(&surface, &setting))
    };
    reply::answer(&surface, &correlation, result.await)
}

/// Leaves a key to each node again.
pub(super) async fn delete(request: HttpRequest, name: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        let setting = surface.meta.remove_setting(&name).await?;
        Ok(one(&surface, &setting))
    };
    reply::answer(&surface, &correlation, result.await)
}

fn one(surface: &Surface, setting: &Setting) -> Value {
    let mut shown = shown(setting);
    let (version, in_force) = surface.meta.settings_version();
    shown["version"] = version.into();
    shown["in_force"] = in_force.into();
    shown
}

fn shown(setting: &Setting) -> Value {
    json!({
        "name": setting.name,
        "value": setting.value,
        "source": if setting.is_agreed { "cluster" } else { "configuration" },
        "configured": setting.configured,
    })
}
