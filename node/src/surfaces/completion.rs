//! What OpenAI's and Anthropic's endpoints have in common: open a request, answer whole or event by event.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use atp_actors::session::{Answer, Facts, Opened, Output, Repeat};
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::Surface;
use crate::wire;

/// Renders a result in a provider's protocol.
pub(super) trait Writer: Unpin + 'static {
    /// A whole answer.
    fn body(&self, answer: &wire::Answer<'_>) -> Bytes;
    /// The next piece of a streamed one.
    fn text(&mut self, text: &str) -> Bytes;
    /// Its end.
    fn finish(&mut self, answer: &wire::Answer<'_>) -> Bytes;
    /// An error after the first byte.
    fn error(&mut self, fault: &Fault, correlation_id: &str) -> Bytes;
}

/// What a reply is made of, beside its events.
pub(super) struct Reply<W> {
    pub(super) surface: Rc<Surface>,
    pub(super) writer: W,
    pub(super) correlation_id: Arc<str>,
    /// What the client called the model.
    pub(super) model: String,
    pub(super) created: u64,
}

impl<W: Writer> Reply<W> {
    /// Opens the request and answers it.
    ///
    /// # Errors
    /// Everything that goes wrong before the first byte.
    pub(super) async fn serve(self, request: AgentRequest) -> Result<HttpResponse, Fault> {
        let wants_stream = request.wants_stream;
        let Opened {
            facts,
            mut events,
            repeat,
        } = self.surface.router.open(request).await?;
        match wants_stream {
            true => {
                let first = Some(opening(&mut events).await?);
                let mut response = head(&facts, &repeat, &self.correlation_id);
                response.insert_header((CONTENT_TYPE, "text/event-stream"));
                response.insert_header((CACHE_CONTROL, "no-cache"));
                Ok(response.body(Events {
                    reply: self,
                    facts,
                    first,
                    events,
                    is_over: false,
                }))
            }
            false => self.whole(facts, events, &repeat).await,
        }
    }

    async fn whole(
        self,
        facts: Facts,
        mut events: mpsc::Receiver<Output>,
        repeat: &Repeat,
    ) -> Result<HttpResponse, Fault> {
        while let Some(event) = events.recv().await {
            match event {
                Output::Final(answer) => {
                    let body = match answer.body.clone() {
                        Some(body) => body,
                        None => self.writer.body(&self.wire(&facts, &answer)),
                    };
                    let mut response = head(&facts, repeat, &self.correlation_id);
                    return Ok(response
                        .insert_header((CONTENT_TYPE, "application/json"))
                        .body(body));
                }
                Output::Failed(failure) => return Err(failure.fault),
                Output::Forward(_)
                | Output::Text(_)
                | Output::Restart
                | Output::Lane { .. }
                | Output::Event { .. }
                | Output::Log { .. }
                | Output::Congested
                | Output::Provisional { .. } => {}
            }
        }
        Err(lost())
    }

    fn wire<'a>(&'a self, facts: &'a Facts, answer: &'a Answer) -> wire::Answer<'a> {
        let telemetry = &answer.telemetry;
        wire::Answer {
            id: facts.request.as_str(),
            created: self.created,
            model: telemetry.model_used.as_deref().unwrap_or(&self.model),
            text: answer.text.as_deref(),
            data: answer.data.as_ref(),
            findings: &answer.findings,
            tool_calls: answer.tool_calls.as_ref(),
            finish_reason: answer.finish_reason.as_deref(),
            in_tokens: telemetry.in_tokens,
            out_tokens: telemetry.out_tokens,
        }
    }
}

/// The head of a successful reply: what decided it.
pub(super) fn head(facts: &Facts, repeat: &Repeat, correlation_id: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header(("x-atp-policy-version", facts.policy_version))
        .insert_header(("x-atp-route-reason", &*facts.route_reason))
        .insert_header((
            "x-atp-hold",
            format!(
                "{};tokens={};usd_micros={}",
                facts.request, facts.hold.tokens, facts.hold.usd_micros
            ),
        ))
        .insert_header(("x-correlation-id", correlation_id));
    if *repeat == Repeat::Replayed {
        response.insert_header(("x-atp-idempotent-replay", "true"));
    }
    response
}

/// The first output that this protocol has words for: it decides between a status of failure and a stream. What happens on
/// the way to it, a lane that failed above all, decides nothing.
async fn opening(events: &mut mpsc::Receiver<Output>) -> Result<Output, Fault> {
    loop {
        match events.recv().await.ok_or_else(lost)? {
            Output::Failed(failure) => return Err(failure.fault),
            first @ (Output::Forward(_) | Output::Text(_) | Output::Final(_)) => return Ok(first),
            Output::Restart
            | Output::Lane { .. }
            | Output::Event { .. }
            | Output::Log { .. }
            | Output::Congested
            | Output::Provisional { .. } => {}
        }
    }
}

/// The session ended without a word: a defect, told as one.
pub(super) fn lost() -> Fault {
    Fault::new(
        Code::Internal,
        "the request was lost to an internal failure; retry it",
    )
}

/// A streamed reply. Polled only while the client reads, so that a client that stops reading stops the session.
struct Events<W> {
    reply: Reply<W>,
    facts: Facts,
    first: Option<Output>,
    events: mpsc::Receiver<Output>,
    is_over: bool,
}

impl<W: Writer> Events<W> {
    /// The bytes of an event; `None` for one that this protocol has no words for.
    fn render(&mut self, event: Output) -> Option<Bytes> {
        match event {
            Output::Forward(bytes) => Some(bytes),
            Output::Text(text) => Some(self.reply.writer.text(&text)),
            Output::Final(mut answer) => {
                self.is_over = true;
                if answer.is_forwarded {
                    return None;
                }
                // What was streamed is not said twice, and data stands in for text only where there was none.
                let was_streamed = answer.text != answer.unsent;
                answer.text = answer.unsent.take();
                if was_streamed {
                    answer.text.get_or_insert_default();
                }
                let Self {
                    reply:
                        Reply {
                            writer,
                            model,
                            created,
                            ..
                        },
                    facts,
                    ..
                } = self;
                let telemetry = &answer.telemetry;
                Some(writer.finish(&wire::Answer {
                    id: facts.request.as_str(),
                    created: *created,
                    model: telemetry.model_used.as_deref().unwrap_or(model),
                    text: answer.text.as_deref(),
                    data: answer.data.as_ref(),
                    findings: &answer.findings,
                    tool_calls: answer.tool_calls.as_ref(),
                    finish_reason: answer.finish_reason.as_deref(),
                    in_tokens: telemetry.in_tokens,
                    out_tokens: telemetry.out_tokens,
                }))
            }
            Output::Failed(failure) => Some(self.fail(&failure.fault)),
            Output::Restart
            | Output::Lane { .. }
            | Output::Event { .. }
            | Output::Log { .. }
            | Output::Congested
            | Output::Provisional { .. } => None,
        }
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        self.is_over = true;
        self.reply.surface.world.meter.error(fault.code, fault.scope);
        self.reply.writer.error(fault, &self.reply.correlation_id)
    }
}

impl<W: Writer> MessageBody for Events<W> {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            let event = match self.first.take() {
                Some(first) => Some(first),
                None => match self.events.poll_recv(context) {
                    Poll::Ready(event) => event,
                    Poll::Pending => return Poll::Pending,
                },
            };
            let bytes = match event {
                Some(event) => self.render(event),
                None => Some(self.fail(&lost())),
            };
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }
}
