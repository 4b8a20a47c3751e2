//! Errors as HTTP responses, each surface in its own protocol's shape.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder};
use atp_protocol::error::{Fault, PROBLEM_JSON};
use serde::Serialize;

use super::Surface;

/// Which body an error gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A problem document (RFC 9457).
    Problem,
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
}

impl Shape {
    /// The shape of errors at `path`, whoever serves it.
    pub(super) fn of(path: &str) -> Self {
        let is_at = |roots: &[&str]| {
            let mut rests = roots.iter().filter_map(|root| path.strip_prefix(root));
            rests.any(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match path {
            _ if is_at(&["/v1/chat/completions", "/v1/embeddings", "/v1/models"]) => Self::OpenAi,
            _ if is_at(&["/v1/messages"]) => Self::Anthropic,
            _ => Self::Problem,
        }
    }
}

/// The response to a failed request; the error is counted here, the one place every HTTP error passes.
pub(super) fn fault(surface: &Surface, shape: Shape, fault: &Fault, correlation_id: &str) -> HttpResponse {
    surface.world.meter.error(fault.code, fault.scope);
    let mut problem = fault.problem(correlation_id);
    if surface.settings.adjusted().budget_429 {
        problem = problem.with_budget_429();
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header(("x-correlation-id", correlation_id));
    if let Some(seconds) = problem.retry_after_s() {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    match shape {
        Shape::Problem => json(&mut response, PROBLEM_JSON, &problem),
        Shape::OpenAi => json(&mut response, "application/json", &fault.openai(correlation_id)),
        Shape::Anthropic => json(
            &mut response,
            "application/json",
            &fault.anthropic(correlation_id),
        ),
    }
}

/// 200 with a JSON body, or the problem.
pub(super) fn answer(
    surface: &Surface,
    correlation_id: &str,
    result: Result<impl Serialize, Fault>,
) -> HttpResponse {
    answer_as(surface, correlation_id, result.map(|body| (StatusCode::OK, body)))
}

/// A JSON body under a status of success, or the problem.
pub(super) fn answer_as(
    surface: &Surface,
    correlation_id: &str,
    result: Result<(StatusCode, impl Serialize), Fault>,
) -> HttpResponse {
    match result {
        Ok((status, body)) => {
            let mut response = HttpResponse::build(status);
            response.insert_header(("x-correlation-id", correlation_id));
            json(&mut response, "application/json", &body)
        }
        Err(error) => fault(surface, Shape::Problem, &error, correlation_id),
    }
}

/// A JSON body.
pub(super) fn json(
    response: &mut HttpResponseBuilder,
    media_type: &'static str,
    body: &impl Serialize,
) -> HttpResponse {
    let text = serde_json::to_vec(body).expect("our own bodies have string keys and finite numbers");
    response.insert_header((CONTENT_TYPE, media_type)).body(text)
}
