//! Everything a client can reach, one folder per protocol. A surface turns its requests into
//! [`AgentRequest`](atp_protocol::request::AgentRequest)s, opens them on its arbiter's router and renders what comes back.

mod admin;
mod anthropic;
mod ask;
mod body;
mod caller;
mod completion;
mod health;
mod openai;
mod reply;
mod request;
mod state;
mod ws;

pub use state::{Settings, Surface};

use actix_web::web::{self, ServiceConfig};

/// All routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .configure(openai::routes)
        .configure(anthropic::routes)
        .configure(ask::routes)
        .configure(ws::routes)
        .configure(admin::routes)
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .route("/v1/metrics", web::get().to(health::metrics));
}
