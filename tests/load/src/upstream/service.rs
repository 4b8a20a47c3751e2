//! Routes and answers.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Method, Request as HttpRequest, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::sleep;

use super::anthropic::Anthropic;
use super::openai::OpenAi;
use super::request::Request;
use super::script::{Fault, Script};
use super::stats::{Books, Meter};
use super::stream::{self, Body};
use super::surface::Surface;
use super::{Options, embeddings};

const MAX_BODY_BYTES: usize = 16 << 20;
const JSON: &str = "application/json";

/// Answers one request; what cannot be read gets an error of the OpenAI surface.
pub(super) async fn answer(
    request: HttpRequest<Incoming>,
    options: &Options,
    books: &Books,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let surface: &'static dyn Surface = match (&head.method, head.uri.path()) {
        (&Method::GET, "/health") => return respond(StatusCode::OK, "{}"),
        (&Method::GET, "/stats") => return stats(books),
        (&Method::GET, "/v1/models") => return respond(StatusCode::OK, models()),
        (&Method::POST, "/v1/chat/completions" | "/v1/embeddings") => &OpenAi,
        (&Method::POST, "/v1/messages") => &Anthropic,
        _ => return invalid(&OpenAi, StatusCode::NOT_FOUND, "no such endpoint"),
    };
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return invalid(
            surface,
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or was cut off",
        );
    };
    let request: Request = match serde_json::from_slice(&body.to_bytes()) {
        Ok(request) => request,
        Err(error) => return invalid(surface, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let script = Script::of(&request, options);
    match script.fault {
        Some(Fault::RateLimited) => {
            books.refuse();
            return rate_limited(surface);
        }
        Some(Fault::ServerError) => {
            books.refuse();
            let error = surface.error("api_error", "the upstream failed on request");
            return respond(StatusCode::INTERNAL_SERVER_ERROR, error);
        }
        _ => {}
    }
    let meter = books.open(
        credential(&head.headers),
        script.model.clone(),
        script.prompt_tokens,
    );
    if head.uri.path() == "/v1/embeddings" {
        return whole(embeddings::answer(&request, &script), script, meter, 0).await;
    }
    if request.stream == Some(true) && script.fault != Some(Fault::Garbage) {
        return events(surface, script, meter);
    }
    let tokens = script.completion_tokens;
    whole(surface.whole(&script), script, meter, tokens).await
}

async fn whole(text: String, script: Script, mut meter: Meter, tokens: u64) -> Response<Body> {
    if !script.delay.is_zero() {
        sleep(script.delay).await;
    }
    if script.fault == Some(Fault::Stall) {
        std::future::pending::<()>().await;
    }
    meter.complete(tokens);
    meter.end();
    match script.fault {
        Some(Fault::Garbage) => respond(StatusCode::OK, "\u{0}<html>data: {\"choices\":[{]\n\n"),
        Some(Fault::Cut) => response(StatusCode::OK, JSON, stream::half(text)),
        _ => respond(StatusCode::OK, text),
    }
}

fn events(surface: &'static dyn Surface, script: Script, meter: Meter) -> Response<Body> {
    let body = stream::events(surface, script, meter);
    let mut response = response(StatusCode::OK, "text/event-stream", body);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, "no-cache".parse().expect("a valid header"));
    response
}

fn stats(books: &Books) -> Response<Body> {
    respond(
        StatusCode::OK,
        serde_json::to_string(&books.snapshot()).expect("string keys throughout"),
    )
}

fn models() -> String {
    let model =
        |name: &str| format!(r#"{{"id":"{name}","object":"model","created":1700000000,"owned_by":"mock"}}"#);
    let mut rows = vec![model("mock")];
    rows.extend(
        Fault::NAMES
            .iter()
            .map(|(name, _)| model(&format!("mock-{name}"))),
    );
    format!(r#"{{"object":"list","data":[{}]}}"#, rows.join(","))
}

/// The bearer token or `x-api-key`; empty when there is neither.
fn credential(headers: &HeaderMap) -> String {
    let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let bearer = headers.get(AUTHORIZATION).and_then(text);
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
    bearer
        .or_else(|| headers.get("x-api-key").and_then(text))
        .unwrap_or_default()
}

fn rate_limited(surface: &dyn Surface) -> Response<Body> {
    let error = surface.error("rate_limit_error", "the upstream is out of quota on request");
    let mut response = respond(StatusCode::TOO_MANY_REQUESTS, error);
    response.headers_mut().insert(RETRY_AFTER, 1.into());
    response
}

fn invalid(surface: &dyn Surface, status: StatusCode, message: &str) -> Response<Body> {
    respond(status, surface.error("invalid_request_error", message))
}

fn respond(status: StatusCode, json: impl Into<Bytes>) -> Response<Body> {
    response(status, JSON, stream::whole(json))
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
