//! Everything a client can reach, one folder per protocol. A surface turns its requests into
//! [`AgentRequest`](atp_protocol::request::AgentRequest)s, opens them on its arbiter's router and renders what comes back.

mod accounting;
mod admin;
mod anthropic;
mod ask;
pub(crate) mod body;
mod caller;
mod capabilities;
mod completion;
mod endpoint;
mod explain;
mod health;
mod openai;
mod providers;
mod reply;
mod request;
mod state;
mod streams;
mod verify_frame;
mod ws;

pub(crate) use caller::tenant;
pub(crate) use endpoint::refuse;
pub use state::{Adjustable, Settings, Surface};

use actix_web::web::{self, QueryConfig, ServiceConfig};

/// All routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .configure(openai::routes)
        .configure(anthropic::routes)
        .configure(ask::routes)
        .configure(ws::routes)
        .configure(capabilities::routes)
        .configure(providers::routes)
        .configure(accounting::routes)
        .configure(verify_frame::routes)
        .configure(streams::routes)
        .configure(explain::routes)
        .configure(admin::routes)
        .configure(health::routes)
        .app_data(QueryConfig::default().error_handler(endpoint::bad_query))
        .default_service(web::to(endpoint::unknown));
}
