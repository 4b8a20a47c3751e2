//! The operator's endpoints. Served to the admin key only.

mod accounts;
mod adapters;
mod backup;
mod cluster;
mod decisions;
mod drain;
mod fair;
mod groups;
mod keys;
mod personas;
mod policy;
mod routes;
mod sessions;
mod settings;

use actix_web::web::{self, ServiceConfig};

use super::endpoint::{at, look};

pub(super) fn routes(config: &mut ServiceConfig) {
    let account = at("/v1/admin/accounts/{id:.+}", "DELETE, GET, HEAD, PUT")
        .route(web::delete().to(accounts::delete))
        .route(web::put().to(accounts::put))
        .route(look().to(accounts::get));
    let keys = at("/v1/admin/api-keys", "GET, HEAD, POST")
        .route(look().to(keys::list))
        .route(web::post().to(keys::make));
    let member = at("/v1/admin/cluster/members/{node}", "DELETE, PUT")
        .route(web::delete().to(cluster::remove))
        .route(web::put().to(cluster::add));
    let draining = at("/v1/admin/cluster/members/{node}/drain", "PUT").route(web::put().to(cluster::drain));
    let policy = at("/v1/admin/policy", "GET, HEAD, PUT")
        .route(look().to(policy::show))
        .route(web::put().to(policy::apply));
    let setting = at("/v1/admin/settings/{name}", "DELETE, GET, HEAD, PUT")
        .route(web::delete().to(settings::delete))
        .route(web::put().to(settings::put))
        .route(look().to(settings::get));
    config
        .service(at("/v1/admin/settings", "GET, HEAD").route(look().to(settings::list)))
        .service(setting)
        .service(at("/v1/admin/accounts", "GET, HEAD").route(look().to(accounts::list)))
        .service(account)
        .service(at("/v1/admin/adapters", "GET, HEAD").route(look().to(adapters::list)))
        .service(keys)
        .service(at("/v1/admin/api-keys/{id}", "DELETE").route(web::delete().to(keys::revoke)))
        .service(at("/v1/admin/backup", "GET").route(web::get().to(backup::get)))
        .service(at("/v1/admin/cluster", "GET, HEAD").route(look().to(cluster::get)))
        .service(member)
        .service(draining)
        .service(at("/v1/admin/cluster/transfer", "POST").route(web::post().to(groups::transfer)))
        .service(at("/v1/admin/cluster/balance", "POST").route(web::post().to(groups::balance)))
        .service(at("/v1/admin/cluster/snapshot", "POST").route(web::post().to(groups::snapshot)))
        .service(at("/v1/admin/personas", "GET, HEAD").route(look().to(personas::list)))
        .service(policy)
        .service(at("/v1/admin/routes", "GET, HEAD").route(look().to(routes::table)))
        .service(at("/v1/decisions", "GET, HEAD").route(look().to(decisions::list)))
        .service(at("/v1/audit/verify-chain", "GET, HEAD").route(look().to(decisions::check)))
        .service(at("/v1/policies/reload", "POST").route(web::post().to(policy::apply)))
        .service(at("/admin/drain", "POST").route(web::post().to(drain::start)))
        .service(at("/admin/fair/served", "GET, HEAD").route(look().to(fair::served)))
        .service(at("/admin/fair/weight", "POST").route(web::post().to(fair::weight)))
        .service(at("/admin/fair/weights", "GET, HEAD").route(look().to(fair::weights)))
        .service(at("/admin/sessions", "GET, HEAD").route(look().to(sessions::list)))
        .service(at("/admin/streams/{id}", "GET, HEAD").route(look().to(sessions::stream)));
}
