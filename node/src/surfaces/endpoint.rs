//! Paths and methods: what is not served is refused in a problem document.

use actix_web::error::{InternalError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse, Resource};
use atp_protocol::error::{Code, Fault, PROBLEM_JSON};

use super::Surface;
use super::caller::correlation_id;
use super::reply::{self, Shape};

/// A path that serves the methods of `allow`, written as in the header of that name; others are told so with 405.
pub(super) fn at(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        let detail = format!("{} is served here; {} is not", allow, request.method());
        let mut response = refuse(
            &request,
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            detail,
        );
        let value = actix_web::http::header::HeaderValue::from_static(allow);
        response.headers_mut().insert(ALLOW, value);
        response
    }))
}

/// The answer to a path nobody serves.
pub(super) async fn unknown(request: HttpRequest) -> HttpResponse {
    let detail = format!("{} is no endpoint of this node", request.path());
    refuse(&request, StatusCode::NOT_FOUND, "not_found", detail)
}

/// The answer to a query that cannot be read.
pub(super) fn bad_query(error: QueryPayloadError, request: &HttpRequest) -> actix_web::Error {
    let surface = Surface::of(request);
    let correlation_id = correlation_id(&surface, request.headers());
    let fault = Fault::new(Code::BadInput, format!("query: {error}"));
    let response = reply::fault(&surface, Shape::Problem, &fault, &correlation_id);
    InternalError::from_response(error, response).into()
}

/// A refusal by HTTP itself, for which the wire has no code of its own: `EPROTO` and `ENOTFOUND` come nearest.
fn refuse(request: &HttpRequest, status: StatusCode, error: &'static str, detail: String) -> HttpResponse {
    let surface = Surface::of(request);
    let correlation_id = correlation_id(&surface, request.headers());
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        _ => Code::Proto,
    };
    let fault = Fault::new(code, detail);
    surface.world.meter.error(fault.code, fault.scope);
    let mut problem = fault.problem(&correlation_id);
    let slug = error.replace('_', "-");
    problem.kind = format!("urn:atp:problem:{slug}").into();
    problem.title = error.replace('_', " ").into();
    problem.status = status.as_u16();
    problem.code = slug.into();
    problem.error = error.into();
    problem.hint = "see the list of endpoints in docs/client-developers.md".into();
    let mut response = HttpResponse::build(status);
    response.insert_header(("x-correlation-id", &*correlation_id));
    reply::json(&mut response, PROBLEM_JSON, &problem)
}
