//! The operator's endpoints. Served to the admin key only.

mod accounts;
mod adapters;
mod keys;
mod policy;
mod routes;

use actix_web::web::{self, ServiceConfig};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/admin/accounts", web::get().to(accounts::list))
        .route("/v1/admin/accounts/{id:.+}", web::put().to(accounts::put))
        .route("/v1/admin/accounts/{id:.+}", web::get().to(accounts::get))
        .route("/v1/admin/api-keys", web::post().to(keys::make))
        .route("/v1/admin/adapters", web::get().to(adapters::list))
        .route("/v1/admin/routes", web::get().to(routes::table))
        .route("/v1/admin/policy", web::get().to(policy::show))
        .route("/v1/admin/policy", web::put().to(policy::apply))
        .route("/v1/policies/reload", web::post().to(policy::apply));
}
