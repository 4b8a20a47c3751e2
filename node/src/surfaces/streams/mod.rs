//! Streams over plain HTTP (atp.md section 25): open one, feed it, read it, look at it, end it. What they are is in
//! [`atp_actors::streams`].

mod create;
mod events;
mod frames;
mod head;
mod state;
mod wanted;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{self, ServiceConfig};
use atp_actors::streams::{Listed, recall};
use atp_protocol::error::Fault;
use atp_protocol::ids::StreamId;
use atp_protocol::request::Identity;

use super::Surface;
use super::endpoint::{at, look};

pub(super) fn routes(config: &mut ServiceConfig) {
    let one = at("/v1/streams/{id}", "DELETE, GET, HEAD")
        .route(look().to(state::get))
        .route(web::delete().to(state::cancel));
    config
        .service(at("/v1/streams", "POST").route(web::post().to(create::open)))
        .service(at("/v1/streams/{id}/frames", "POST").route(web::post().to(frames::post)))
        .service(at("/v1/streams/{id}/events", "GET").route(web::get().to(events::read)))
        .service(at("/v1/streams/{id}/resume", "POST").route(web::post().to(state::resume)))
        .service(one);
}

/// The stream of the path among those of the caller's tenant; the query's `session_id` or header `x-session-id` says which where
/// several sessions have one of that name.
async fn find(
    surface: &Surface,
    identity: &Identity,
    request: &HttpRequest,
    id: &str,
) -> Result<Arc<Listed>, Fault> {
    let stream = StreamId::new(id).map_err(|_| gone(()))?;
    let in_query = request
        .query_string()
        .split('&')
        .find_map(|pair| pair.strip_prefix("session_id="));
    let in_head = || request.headers().get("x-session-id")?.to_str().ok();
    let session = in_query.or_else(in_head);
    recall(&surface.router, &identity.tenant, &stream, session).await
}

/// The stream's actor has ended, in order or not.
fn gone<T>(_: T) -> Fault {
    Fault::no_such("the stream has ended and was forgotten; open another")
}
