//! Anthropic's endpoint: `POST /v1/messages`.

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use atp_protocol::error::Fault;
use bytes::Bytes;

use super::caller::{correlation_id, identify};
use super::completion::{Reply, Writer};
use super::endpoint::at;
use super::reply::{self, Shape};
use super::{Surface, body, request};
use crate::wire::{self, anthropic};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/v1/messages", "POST").route(web::post().to(messages)));
}

struct MessageWriter(anthropic::Stream);

impl Writer for MessageWriter {
    fn body(&self, answer: &wire::Answer<'_>) -> Bytes {
        anthropic::answer(answer)
    }
    fn text(&mut self, text: &str) -> Bytes {
        self.0.text(text)
    }
    fn finish(&mut self, answer: &wire::Answer<'_>) -> Bytes {
        self.0.finish(answer)
    }
    fn error(&mut self, fault: &Fault, correlation_id: &str) -> Bytes {
        anthropic::error_event(fault, correlation_id)
    }
}

async fn messages(request: HttpRequest, payload: Payload) -> HttpResponse {
    let surface = Surface::of(&request);
    let correlation_id = correlation_id(&surface, request.headers());
    let result = async {
        let identity = identify(&surface, &request)?;
        let bytes = body::work(&surface, &request, payload).await?;
        let parsed = anthropic::parse_messages(bytes)?;
        let agent_request = request::build(
            &surface,
            &identity,
            request.headers(),
            correlation_id.clone(),
            &parsed,
        )?;
        let model = parsed.content.model.clone().unwrap_or_else(|| "auto".to_owned());
        // Anthropic names the input's size before the answer; what it is going to be is not known yet.
        let in_tokens = parsed.content.text_bytes().div_ceil(4) as u64;
        let reply = Reply {
            surface: surface.clone(),
            writer: MessageWriter(anthropic::Stream::new(
                agent_request.id.as_str(),
                &model,
                in_tokens,
            )),
            correlation_id: correlation_id.clone(),
            model,
            created: surface.world.clock.unix().0 / 1_000,
        };
        reply.serve(agent_request).await
    };
    match result.await {
        Ok(response) => response,
        Err(fault) => reply::fault(&surface, Shape::Anthropic, &fault, &correlation_id),
    }
}
