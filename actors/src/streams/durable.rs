//! What a stream writes to its record, and when (atp.md 13.4).
//!
//! | Written | Before |
//! |---|---|
//! | the request, with the first token | the request is admitted |
//! | numbers, in bulk | the first of them is shown to a reader |
//! | a token; that one is used up | the client is told |
//! | the last word; that there was one, if it is too long | readers are shown it |
//!
//! Where the group has no quorum a write is repeated for a minute; then, and where a later owner wrote, this copy is given up: its
//! readers are cut off and find the stream at its owner.

use std::sync::Arc;

use actix::{ActorContext, AsyncContext, Context};
use atp_consensus::journal::streams::{
    CloseStream, ConsumeToken, ConsumeTokenReply, FINAL_MAX, FinishStream, FinishStreamReply, Lane, NewToken,
    OpenStream, OpenStreamReply, RecordProgress, RotateToken,
};
use atp_protocol::connection::{Config, Connection, Output, StreamKey};
use atp_protocol::error::{Code, Fault};
use atp_protocol::frame::Frame;
use atp_protocol::request::AgentRequest;
use atp_protocol::resume::{Refusal, TokenHash};
use atp_protocol::stream::State;
use atp_protocol::units::{Amount, Millis};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use serde_json::Value;

use super::messages::{Recorded, ToHolder};
use super::records::{Fenced, REQUEST_MAX, checked, insist, write};
use super::stream::KeptStream;
use super::{Event, asked};

/// The last words of a stream as its record keeps them: a frame a line.
pub(super) fn words(events: &[Event]) -> Vec<u8> {
    let lines: Vec<String> = events.iter().filter_map(Event::data).collect();
    lines.join("\n").into_bytes()
}

/// What readers are told of a stream that failed.
pub(super) fn failure(now: Millis, key: &StreamKey, fault: &Fault) -> Vec<Event> {
    let mut connection = Connection::new(now, Config::new(key.session.clone()));
    let outputs = connection.fail(now, key, fault);
    let frames = outputs.into_iter().filter_map(|output| match output {
        Output::Transmit(frame) => Event::of(Arc::unwrap_or_clone(frame)),
        Output::Deliver(_) | Output::Close(_) => None,
    });
    frames.collect()
}

/// Last words as they are read back.
pub(super) fn events(words: &[u8]) -> Vec<Event> {
    let lines = String::from_utf8_lossy(words);
    let frames = lines.lines().filter_map(asked::frame);
    frames.filter_map(Event::of).collect()
}

impl KeptStream {
    /// Puts the stream on record; [`Recorded`] tells what came of it.
    pub(super) fn record(
        &mut self,
        request: AgentRequest,
        frame: &Frame<'static>,
        context: &mut Context<Self>,
    ) {
        let open = self.opening(frame);
        let (records, stream) = (Arc::clone(&self.router.shared.records), context.address());
        // Not cut short where the stream ends meanwhile: what was opened is then closed.
        tokio::task::spawn_local(async move {
            let written = write(&*records, &open.stream, &open).await;
            let is_known = written.is_ok();
            let result = written.and_then(opened);
            let epoch = result.as_ref().ok().copied();
            let request = Box::new(request);
            let goes_on = stream.send(Recorded { result, request }).await.unwrap_or(false);
            if goes_on && is_known {
                return;
            }
            // Where it is not known whether it was opened, opening it again tells.
            let epoch = match epoch {
                None if !is_known => {
                    let again = insist(&*records, &open.stream, &open).await.ok();
                    again.and_then(|reply| opened(reply).ok())
                }
                known => known,
            };
            if let Some(epoch) = epoch {
                let stream = open.stream;
                // Where it cannot be closed it is forgotten after a while.
                let _ = insist(
                    &*records,
                    &stream,
                    &CloseStream {
                        stream: stream.clone(),
                        epoch,
                    },
                )
                .await;
            }
        });
    }

    fn opening(&mut self, frame: &Frame<'static>) -> OpenStream {
        let token = self.latest.unwrap_or_else(|| {
            let token = self.mint();
            let hash = token.hash();
            self.spare = Some(token);
            hash
        });
        let stream = self.binding();
        let records = &self.router.shared.records;
        let request = asked::encode(&self.identity, &self.head, &self.around, self.request_ms, frame);
        OpenStream {
            owner: records.node(),
            stream,
            qos: self.head.tier,
            budget: self.head.budget.unwrap_or(Amount::UNLIMITED),
            request: request
                .filter(|request| request.len() <= REQUEST_MAX)
                .unwrap_or_default(),
            token: Some(self.token(token)),
            idempotency_key: asked::idempotency_key(&self.around, frame),
        }
    }

    fn token(&self, hash: TokenHash) -> NewToken {
        NewToken {
            hash,
            ttl_ms: self.settings().ttl_ms,
        }
    }

    /// Reserves the numbers of `events`, unless they are: resolves to what was reserved.
    pub(super) fn reserve(
        &self,
        events: &[Event],
    ) -> Option<LocalBoxFuture<'static, Result<Vec<Lane>, Fenced>>> {
        let epoch = self.epoch?;
        let places = events.iter().filter_map(|event| event.place.as_ref());
        let new = places.filter(|(lane, number)| !self.reserved.covers(lane, *number));
        let lanes: Vec<Lane> = new
            .map(|(lane, number)| self.reserved.beyond(lane, *number, self.received))
            .collect();
        if lanes.is_empty() {
            return None;
        }
        let progress = RecordProgress {
            stream: self.binding(),
            epoch,
            lanes,
            budget_left: self.head.budget.unwrap_or(Amount::UNLIMITED).minus(self.used),
        };
        let records = Arc::clone(&self.router.shared.records);
        let reserving = async move {
            checked(insist(&*records, &progress.stream, &progress).await?)?;
            Ok(progress.lanes)
        };
        Some(reserving.boxed_local())
    }

    /// Keeps the last words, and of those over [`FINAL_MAX`] that there were some. Resolves to others where there were some before.
    pub(super) fn finish(
        &self,
        last: &[Event],
    ) -> LocalBoxFuture<'static, Result<Option<Vec<Event>>, Fenced>> {
        let Some(epoch) = self.epoch else {
            return ready(Ok(None)).boxed_local();
        };
        let mut outcome = words(last);
        if outcome.len() > FINAL_MAX {
            let detail = "the answer was too long to be kept after it was told; ask again, for less";
            let fault = Fault::new(Code::TooBig, detail);
            outcome = words(&failure(self.now(), &self.key, &fault));
        }
        let finish = FinishStream {
            stream: self.binding(),
            epoch,
            outcome,
        };
        let records = Arc::clone(&self.router.shared.records);
        async move {
            match insist(&*records, &finish.stream, &finish).await? {
                FinishStreamReply::Before(words) => Ok(Some(events(&words))),
                FinishStreamReply::Fenced { .. } => Err(Fenced),
                FinishStreamReply::Finished
                | FinishStreamReply::Gone
                | FinishStreamReply::TooLong
                | FinishStreamReply::Full => Ok(None),
            }
        }
        .boxed_local()
    }

    /// As [`Self::finish`], of a stream that ended here and now: nobody waits.
    pub(super) fn finish_later(&self, last: &[Event]) {
        if self.epoch.is_some() {
            tokio::task::spawn_local(self.finish(last));
        }
    }

    /// Nobody comes back to the stream.
    pub(super) fn close_later(&mut self) {
        let Some(epoch) = self.epoch.take() else {
            return;
        };
        let (records, stream) = (Arc::clone(&self.router.shared.records), self.binding());
        tokio::task::spawn_local(async move {
            let close = CloseStream { stream, epoch };
            // Where it cannot be closed it is forgotten after a while.
            let _ = insist(&*records, &close.stream, &close).await;
        });
    }

    /// Makes a token good.
    pub(super) fn rotate(
        &self,
        epoch: u64,
        hash: TokenHash,
    ) -> impl Future<Output = Result<(), Fault>> + 'static {
        let records = Arc::clone(&self.router.shared.records);
        let rotate = RotateToken {
            stream: self.binding(),
            epoch,
            token: self.token(hash),
        };
        async move {
            let written = write(&*records, &rotate.stream, &rotate).await?;
            checked(written).map_err(|Fenced| moved())
        }
    }

    /// Uses a token of the record up.
    pub(super) fn consume_on_record(&self, token: TokenHash) -> LocalBoxFuture<'static, Result<(), Fault>> {
        let records = Arc::clone(&self.router.shared.records);
        let consume = ConsumeToken {
            token,
            stream: self.binding(),
        };
        async move {
            let refusal = match write(&*records, &consume.stream, &consume).await? {
                ConsumeTokenReply::Consumed { .. } => return Ok(()),
                ConsumeTokenReply::Unknown => Refusal::Unknown,
                ConsumeTokenReply::Expired => Refusal::Expired,
                ConsumeTokenReply::Elsewhere => Refusal::Elsewhere,
            };
            Err(refusal.fault())
        }
        .boxed_local()
    }

    /// Shows readers the last words.
    pub(super) fn end_with(&mut self, events: Vec<Event>, state: State) {
        if state == State::Closed {
            let content = events
                .last()
                .and_then(|event| event.frame.payload.content.as_ref());
            self.last = content.map(Value::from);
        }
        self.push(events);
        self.end(state);
    }

    /// As [`Self::end_with`], of words that were read back.
    pub(super) fn end_with_words(&mut self, events: Vec<Event>) {
        let is_final = events.iter().any(|event| event.name == "final");
        let state = match is_final {
            true => State::Closed,
            false => State::Reset,
        };
        self.end_with(events, state);
    }

    /// Another owner has it: this copy says nothing more.
    pub(super) fn fenced(&mut self, context: &mut Context<Self>) {
        self.epoch = None;
        if let Some(holder) = self.holder.take() {
            holder.do_send(ToHolder::Replaced);
        }
        self.end(State::Reset);
        context.stop();
    }
}

fn moved() -> Fault {
    Fault::new(Code::Internal, "the stream's owner changes; try again").retry_after(500)
}

/// The epoch that the stream is written under.
fn opened(reply: OpenStreamReply) -> Result<u64, Fault> {
    match reply {
        OpenStreamReply::Opened { epoch } => Ok(epoch),
        OpenStreamReply::Exists { .. } => {
            let detail = "the stream_id is in use; resume that stream or take a new id";
            Err(Fault::new(Code::Proto, detail))
        }
        OpenStreamReply::TooLong => Err(Fault::new(Code::TooBig, "the idempotency key is too long")),
        OpenStreamReply::Full => {
            let detail = "as many streams are on record as may be, and all of them run";
            Err(Fault::new(Code::Rate, detail))
        }
    }
}
