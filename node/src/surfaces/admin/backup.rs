//! `GET /v1/admin/backup`: what the cluster agreed on, as one file (docs/disk-format.md).

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse};
use atp_routing::audit::Event;
use futures_util::TryStreamExt;

use crate::backup;
use crate::surfaces::Surface;
use crate::surfaces::caller::{correlation_id, identify_admin};
use crate::surfaces::reply::{self, Shape};

/// Sent as fast as it is read; a reader that breaks off has the length to tell.
pub(super) async fn get(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation = correlation_id(&surface, request.headers());
    let result = async {
        identify_admin(&surface, &request)?;
        backup::take(&surface.meta.cluster, surface.world.clock.unix()).await
    };
    match result.await {
        Ok(taken) => {
            let bytes = taken.len();
            surface.world.audit.note(Event::BackupTaken { bytes });
            let told = |fault: atp_protocol::error::Fault| {
                tracing::error!(%fault, "a backup broke off");
                actix_web::error::ErrorInternalServerError("the backup broke off")
            };
            HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "application/octet-stream"))
                .insert_header(("x-correlation-id", &*correlation))
                .body(SizedStream::new(
                    bytes,
                    Box::pin(taken.into_bytes().map_err(told)),
                ))
        }
        Err(fault) => reply::fault(&surface, Shape::Problem, &fault, &correlation),
    }
}
