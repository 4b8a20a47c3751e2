//! `POST /v1/verify_frame`: is this frame sound, signed by the node's key, and not seen before?

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use atp_actors::audit::frame_refused;
use atp_routing::audit::Subject;
use serde_json::json;

use super::caller::{correlation_id, identify};
use super::endpoint::at;
use super::{Surface, body, reply};
use crate::auth::FrameVerdict;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/v1/verify_frame", "POST").route(web::post().to(verify)));
}

async fn verify(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        // One byte more than a frame may have, so that it is the check that refuses it, in its own words.
        let max_bytes = surface.settings.frame_bytes + 1;
        let bytes = body::read(&surface, &request, payload, max_bytes).await?;
        let (now, wall) = (surface.world.now(), surface.world.clock.unix());
        let known = (&identity.tenant, &surface.router.shared.nonces);
        let verdict = surface.frames.verify(now, wall, known, &bytes);
        Ok(match verdict {
            FrameVerdict::Good => json!({ "ok": true }),
            FrameVerdict::Skipped => json!({ "ok": true, "skipped": true }),
            FrameVerdict::Bad(error, fault) => {
                surface.world.meter.error(fault.code, fault.scope);
                let subject = Subject::session(&identity.tenant, None);
                frame_refused(&surface.world, subject, &fault);
                json!({ "ok": false, "error": error, "code": fault.code, "detail": fault.public_detail() })
            }
        })
    };
    reply::answer(&surface, &correlation_id, result.await)
}
