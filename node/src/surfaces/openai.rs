//! OpenAI's endpoints: `POST /v1/chat/completions`, `POST /v1/embeddings`, `GET /v1/models`.

use actix_web::web::{self, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::error::{Code, Fault};
use bytes::Bytes;

use super::caller::{correlation_id, identify};
use super::completion::{Reply, Writer};
use super::endpoint::{at, look};
use super::reply::{self, Shape};
use super::{Surface, body, request};
use crate::wire::openai::{self, Model};
use crate::wire::{self, Parsed};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/v1/chat/completions", "POST").route(web::post().to(chat)))
        .service(at("/v1/embeddings", "POST").route(web::post().to(embeddings)))
        .service(at("/v1/models", "GET, HEAD").route(look().to(models)))
        .service(at("/v1/models/{id:.+}", "GET, HEAD").route(look().to(model)));
}

struct ChatWriter(openai::Stream);

impl Writer for ChatWriter {
    fn body(&self, answer: &wire::Answer<'_>) -> Bytes {
        openai::answer(answer)
    }
    fn text(&mut self, text: &str) -> Bytes {
        self.0.text(text)
    }
    fn finish(&mut self, answer: &wire::Answer<'_>) -> Bytes {
        self.0.finish(answer)
    }
    fn error(&mut self, fault: &Fault, correlation_id: &str) -> Bytes {
        openai::error_event(fault, correlation_id)
    }
}

async fn chat(request: HttpRequest, payload: Payload) -> HttpResponse {
    serve(request, payload, openai::parse_chat).await
}

async fn embeddings(request: HttpRequest, payload: Payload) -> HttpResponse {
    serve(request, payload, openai::parse_embeddings).await
}

async fn serve(
    request: HttpRequest,
    payload: Payload,
    parse: fn(Bytes) -> Result<Parsed, Fault>,
) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let bytes = body::work(&surface, &request, payload).await?;
        let parsed = parse(bytes)?;
        let agent_request = request::build(
            &surface,
            &identity,
            request.headers(),
            correlation_id.clone(),
            &parsed,
        )?;
        let model = parsed.content.model.clone().unwrap_or_else(|| "auto".to_owned());
        let created = surface.world.clock.unix().0 / 1_000;
        let stream = openai::Stream::new(agent_request.id.as_str(), created, &model, parsed.wants_usage);
        let reply = Reply {
            surface: surface.clone(),
            writer: ChatWriter(stream),
            correlation_id: correlation_id.clone(),
            model,
            created,
        };
        reply.serve(agent_request).await
    };
    match result.await {
        Ok(response) => response,
        Err(fault) => reply::fault(&surface, Shape::OpenAi, &fault, &correlation_id),
    }
}

async fn models(request: HttpRequest) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let identity = match identify(&surface, &request) {
        Ok(identity) => identity,
        Err(fault) => return reply::fault(&surface, Shape::OpenAi, &fault, &correlation_id),
    };
    let fib = surface.meta.registry.snapshots.fib(&identity.tenant);
    let mut shown: Vec<Model<'_>> = fib
        .candidates()
        .iter()
        .map(|candidate| shown(candidate))
        .collect();
    shown.sort_unstable_by_key(|model| model.id);
    shown.dedup_by_key(|model| model.id);
    catalogued(openai::models(&shown), &correlation_id)
}

async fn model(request: HttpRequest, path: Path<String>) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = identify(&surface, &request).and_then(|identity| {
        let fib = surface.meta.registry.snapshots.fib(&identity.tenant);
        let found = fib
            .lookup(&path)
            .next()
            .map(|candidate| openai::model(&shown(candidate)));
        found.ok_or_else(|| {
            Fault::new(
                Code::NotFound,
                format!("no model {}; GET /v1/models lists them", *path),
            )
        })
    });
    match result {
        Ok(body) => catalogued(body, &correlation_id),
        Err(fault) => reply::fault(&surface, Shape::OpenAi, &fault, &correlation_id),
    }
}

fn catalogued(body: Bytes, correlation_id: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-type", "application/json"))
        .insert_header(("x-correlation-id", correlation_id))
        .body(body)
}

fn shown(candidate: &atp_routing::fib::Candidate) -> Model<'_> {
    Model {
        id: &candidate.model,
        object: Model::OBJECT,
        created: 0,
        owned_by: candidate.adapter.as_str(),
    }
}
