//! Paths and methods: what is not served is refused, in the words of the protocol whose path it is.

use actix_web::error::{InternalError, QueryPayloadError};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard};
use atp_protocol::error::{Code, Fault, Row};

use super::Surface;
use super::caller::correlation_id;
use super::reply::{self, Shape};

/// What to do about a path or method that is not served.
const HINT: &str = "see the list of endpoints in docs/client-developers.md";

/// For what HTTP refuses by itself the wire has no codes of its own: `ENOTFOUND` and `EPROTO` come nearest.
const NO_ENDPOINT: Row = Row {
    error: "not_found",
    hint: HINT,
    ..*Code::NotFound.row()
};
const METHOD_NOT_ALLOWED: Row = Row {
    status: 405,
    error: "method_not_allowed",
    slug: "method-not-allowed",
    message: "method not allowed",
    hint: HINT,
    ..*Code::Proto.row()
};

/// A path that serves the methods of `allow`, written as in the header of that name; others are told so with 405.
pub(super) fn at(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        let detail = format!("{} is served here; {} is not", allow, request.method());
        let fault = Fault::new(Code::Proto, detail).told(&METHOD_NOT_ALLOWED);
        let mut response = refuse(&request, &fault);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allow));
        response
    }))
}

/// What is looked at without changing it. `HEAD`, which some clients and load balancers ask first, gets the same status and header
/// without the body.
pub(super) fn look() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The answer to a path nobody serves.
pub(super) async fn unknown(request: HttpRequest) -> HttpResponse {
    let detail = format!("{} is no endpoint of this node", request.path());
    refuse(&request, &Fault::new(Code::NotFound, detail).told(&NO_ENDPOINT))
}

/// The answer to a query that cannot be read.
pub(super) fn bad_query(error: QueryPayloadError, request: &HttpRequest) -> actix_web::Error {
    let fault = Fault::new(Code::BadInput, format!("query: {error}"));
    InternalError::from_response(error, refuse(request, &fault)).into()
}

/// The reply to a request that is refused, in the shape of its path.
pub(crate) fn refuse(request: &HttpRequest, fault: &Fault) -> HttpResponse {
    let surface = Surface::of(request);
    let correlation_id = correlation_id(&surface, request.headers());
    reply::fault(&surface, Shape::of(request.path()), fault, &correlation_id)
}
