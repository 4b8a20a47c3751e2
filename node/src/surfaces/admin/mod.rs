//! The operator's endpoints. Served to the admin key only.

mod accounts;
mod adapters;
mod cluster;
mod drain;
mod fair;
mod keys;
mod personas;
mod policy;
mod routes;
mod sessions;

use actix_web::web::{self, ServiceConfig};

use super::endpoint::at;

pub(super) fn routes(config: &mut ServiceConfig) {
    let account = at("/v1/admin/accounts/{id:.+}", "DELETE, GET, PUT")
        .route(web::delete().to(accounts::delete))
        .route(web::put().to(accounts::put))
        .route(web::get().to(accounts::get));
    let keys = at("/v1/admin/api-keys", "GET, POST")
        .route(web::get().to(keys::list))
        .route(web::post().to(keys::make));
    let policy = at("/v1/admin/policy", "GET, PUT")
        .route(web::get().to(policy::show))
        .route(web::put().to(policy::apply));
    config
        .service(at("/v1/admin/accounts", "GET").route(web::get().to(accounts::list)))
        .service(account)
        .service(at("/v1/admin/adapters", "GET").route(web::get().to(adapters::list)))
        .service(keys)
        .service(at("/v1/admin/api-keys/{id}", "DELETE").route(web::delete().to(keys::revoke)))
        .service(at("/v1/admin/cluster", "GET").route(web::get().to(cluster::get)))
        .service(at("/v1/admin/personas", "GET").route(web::get().to(personas::list)))
        .service(policy)
        .service(at("/v1/admin/routes", "GET").route(web::get().to(routes::table)))
        .service(at("/v1/policies/reload", "POST").route(web::post().to(policy::apply)))
        .service(at("/admin/drain", "POST").route(web::post().to(drain::start)))
        .service(at("/admin/fair/served", "GET").route(web::get().to(fair::served)))
        .service(at("/admin/fair/weight", "POST").route(web::post().to(fair::weight)))
        .service(at("/admin/fair/weights", "GET").route(web::get().to(fair::weights)))
        .service(at("/admin/sessions", "GET").route(web::get().to(sessions::list)))
        .service(at("/admin/streams/{id}", "GET").route(web::get().to(sessions::stream)));
}
