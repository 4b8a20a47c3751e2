//! Coming back to a stream with a token (atp.md 13.1 and 13.2).
//!
//! Whoever comes back says what it has of each lane, and reads on from there: messages are kept with their numbers, so that
//! nothing has to be made again. A message counts as delivered when it was handed to the transport; what was lost on the way is
//! still kept, unless more than the bound of the history came after it.

use std::collections::BTreeMap;

use actix::fut;
use actix::{
    ActorFutureExt, AsyncContext, Context, Handler, Recipient, ResponseActFuture, ResponseFuture, WrapFuture,
};
use atp_protocol::connection::Output;
use atp_protocol::error::Fault;
use atp_protocol::ids::{CloneId, LaneId, PersonaId};
use atp_protocol::payload::{
    self, Kind, LanePosition, Payload, ResumeAck, WindowReason, WindowScope, WindowUpdate,
};
use atp_protocol::resume::{Refusal, ResumeToken, TOKEN_BYTES, TokenHash, reissue_at};
use atp_protocol::units::PartialWindow;
use futures_util::future::{LocalBoxFuture, ready};

use super::messages::ToHolder;
use super::stream::KeptStream;
use super::table::read_from;
use super::{Event, NewToken, Resume, Resumed};
use crate::history::Reader;

impl KeptStream {
    /// A token that nobody knows yet.
    pub(super) fn mint(&mut self) -> ResumeToken {
        let world = &self.router.world;
        let mut bytes = [0; TOKEN_BYTES];
        world.random.fill(&mut bytes);
        self.token_since = world.clock.unix();
        ResumeToken::new(bytes)
    }

    /// A token for a client, good when this resolves.
    fn issue(&mut self) -> LocalBoxFuture<'static, Result<String, Fault>> {
        if let Some(spare) = self.spare.take() {
            return Box::pin(ready(Ok(spare.reveal())));
        }
        let token = self.mint();
        let Some(epoch) = self.epoch else {
            let (binding, ttl_ms) = (self.binding(), self.settings().ttl_ms);
            self.tokens.issue(self.token_since, token.hash(), binding, ttl_ms);
            self.latest = Some(token.hash());
            return Box::pin(ready(Ok(token.reveal())));
        };
        let rotating = self.rotate(epoch, token.hash());
        Box::pin(async move { rotating.await.map(|()| token.reveal()) })
    }

    /// Uses a token up.
    fn consume(&mut self, token: TokenHash) -> LocalBoxFuture<'static, Result<(), Fault>> {
        if self.epoch.is_some() {
            return self.consume_on_record(token);
        }
        let now = self.router.world.clock.unix();
        let consumed = self.tokens.consume(now, token, &self.binding());
        Box::pin(ready(consumed.map_err(Refusal::fault)))
    }

    /// At half its time a token gets a successor, which whoever holds or reads the stream is told.
    pub(super) fn renew_token(&mut self, context: &mut Context<Self>) {
        let ttl_ms = self.settings().ttl_ms;
        let due = reissue_at(self.token_since, ttl_ms);
        let is_admitted = self.machine.streams().next().is_some();
        if !is_admitted || self.router.world.clock.unix() < due {
            return;
        }
        self.token_since = self.router.world.clock.unix();
        let issuing = self.issue();
        context.spawn(issuing.into_actor(self).map(|token, this, _| {
            // Without one the token before holds for the other half of its time.
            if let Ok(token) = token {
                this.tell_token(token);
            }
        }));
    }

    fn tell_token(&mut self, token: String) {
        let window = PartialWindow::default();
        let mut update = WindowUpdate::new(window, 0, WindowScope::Stream, WindowReason::Refresh);
        update.resume_token = Some(token);
        update.resume_ttl_ms = Some(self.settings().ttl_ms);
        let payload = Payload::of(Kind::WindowUpdate, &update);
        let now = self.now();
        let outputs = self.machine.send(now, &self.key, payload, false);
        self.tell(outputs.unwrap_or_default());
    }

    /// Tells the WebSocket that holds the stream, and it alone: what it says holds for it and is not to be repeated to another.
    /// Over HTTP it is kept for all readers.
    pub(super) fn tell(&mut self, outputs: Vec<Output>) {
        let Some(holder) = self.holder.clone() else {
            return self.keep(outputs);
        };
        for output in outputs {
            if let Output::Transmit(frame) = output {
                holder.do_send(ToHolder::Frame(frame));
            }
        }
    }

    /// Uses the token up, and gives the stream to whoever brought it.
    fn resume(
        &mut self,
        Resume { request, holder }: Resume,
    ) -> ResponseActFuture<Self, Result<Resumed, Fault>> {
        let (token, back) = match self.come_back(&request) {
            Ok(back) => back,
            Err(fault) => return Box::pin(fut::ready(Err(fault))),
        };
        let consuming = self.consume(token).into_actor(self);
        let issuing = consuming.then(|consumed, this, _| {
            let issuing: LocalBoxFuture<'static, _> = match consumed {
                Ok(()) => this.issue(),
                Err(fault) => Box::pin(ready(Err(fault))),
            };
            issuing.into_actor(this)
        });
        Box::pin(issuing.map(move |token, this, _| {
            let resume_token = token?;
            this.replace(holder);
            Ok(Resumed {
                ack: ResumeAck {
                    ok: true,
                    resume_token,
                    expect: this.received + 1,
                    replaying: back.replaying,
                    window: Some(this.window()),
                    gap_from: back.gap.map(|gap| gap.0),
                    gap_to: back.gap.map(|gap| gap.1),
                },
                has: back.has,
                reader: back.reader,
                flow: this.flow.clone(),
            })
        }))
    }

    /// What a client that comes back finds. Before its token is used up: who finds no place may come again with it.
    fn come_back(&self, request: &payload::Resume) -> Result<(TokenHash, Back), Fault> {
        let token = ResumeToken::parse(&request.resume_token).ok_or_else(|| Refusal::Unknown.fault())?;
        let (first, kept) = self.history.snapshot();
        let has = Positions::of(&request.lanes);
        let skipped = kept.iter().take_while(|event| has.has(event)).count() as u64;
        let back = Back {
            replaying: kept.iter().filter(|event| has.lacks(event)).count() as u64,
            gap: has.gap(&kept),
            reader: read_from(&self.history, first + skipped)?,
            has,
        };
        Ok((token.hash(), back))
    }

    /// The newest wins: a WebSocket that held the stream lets go of it.
    fn replace(&mut self, holder: Option<Recipient<ToHolder>>) {
        if let Some(before) = std::mem::replace(&mut self.holder, holder)
            && self.holder.as_ref() != Some(&before)
        {
            before.do_send(ToHolder::Replaced);
        }
    }
}

/// What a client that comes back finds.
struct Back {
    replaying: u64,
    gap: Option<(u64, u64)>,
    reader: Reader<Event>,
    has: Positions,
}

/// What a client has of each lane.
#[derive(Debug, Clone, Default)]
pub struct Positions(BTreeMap<LaneId, u64>);

impl Positions {
    /// As a client says it. A lane that cannot be is none of ours.
    fn of(lanes: &[LanePosition]) -> Self {
        let position = |position: &LanePosition| {
            let persona = position.persona_id.as_deref().map(PersonaId::new);
            let lane = LaneId {
                persona: persona.transpose().ok()?,
                clone: position.clone_id.map(CloneId),
            };
            Some((lane, position.cum))
        };
        Self(lanes.iter().filter_map(position).collect())
    }

    fn cum(&self, lane: &LaneId) -> u64 {
        self.0.get(lane).copied().unwrap_or(0)
    }

    /// Whether it is a numbered message that the client does not have.
    fn lacks(&self, event: &Event) -> bool {
        let place = event.place.as_ref();
        place.is_some_and(|(lane, seq)| *seq > self.cum(lane))
    }

    /// Numbers of the default lane that neither the client has nor are kept, inclusive.
    fn gap(&self, kept: &[Event]) -> Option<(u64, u64)> {
        let main = LaneId::default();
        let wanted = self.cum(&main) + 1;
        let mut places = kept.iter().filter_map(|event| event.place.as_ref());
        let (_, oldest) = places.find(|(lane, _)| *lane == main)?;
        (*oldest > wanted).then(|| (wanted, oldest - 1))
    }

    /// Whether the client has this already. Of what has no number only errors are told again: windows and tokens are those of
    /// the resume.
    #[must_use]
    pub fn has(&self, event: &Event) -> bool {
        match event.place {
            Some(_) => !self.lacks(event),
            None => event.frame.payload.kind == Some(Kind::WindowUpdate),
        }
    }
}

impl Handler<NewToken> for KeptStream {
    type Result = ResponseFuture<Result<String, Fault>>;

    fn handle(&mut self, _: NewToken, _: &mut Context<Self>) -> Self::Result {
        self.issue()
    }
}

impl Handler<Resume> for KeptStream {
    type Result = ResponseActFuture<Self, Result<Resumed, Fault>>;

    fn handle(&mut self, resume: Resume, _: &mut Context<Self>) -> Self::Result {
        let resuming = self.resume(resume);
        Box::pin(resuming.map(|resumed, this, _| {
            let requests = &this.router.world.meter.requests;
            match &resumed {
                Ok(_) => requests.resumes.increment(1),
                Err(_) => requests.resume_failures.increment(1),
            }
            resumed
        }))
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::frame::Frame;
    use atp_protocol::ids::{SessionId, StreamId};
    use atp_protocol::payload::Partial;

    use super::*;

    fn event(persona: Option<&str>, seq: u64) -> Event {
        let lane = LaneId {
            persona: persona.map(|persona| PersonaId::new(persona).unwrap()),
            clone: None,
        };
        let payload = Payload::of(Kind::AgentPartial, &Partial::default()).in_lane(&lane);
        let (session, stream) = (SessionId::new("s").unwrap(), StreamId::new("a").unwrap());
        Event::of(Frame::new(session, stream, seq, payload)).unwrap()
    }

    fn positions(lanes: &[(Option<&str>, u64)]) -> Positions {
        let position = |(persona, cum): &(Option<&str>, u64)| LanePosition {
            persona_id: persona.map(str::to_owned),
            clone_id: None,
            cum: *cum,
        };
        Positions::of(&lanes.iter().map(position).collect::<Vec<_>>())
    }

    #[test]
    fn each_lane_goes_on_where_its_client_stopped() {
        let kept = [
            event(None, 1),
            event(Some("p"), 1),
            event(None, 2),
            event(Some("p"), 2),
        ];
        let has = positions(&[(None, 2), (Some("p"), 1)]);
        let lacking: Vec<bool> = kept.iter().map(|event| has.lacks(event)).collect();
        assert_eq!(lacking, [false, false, false, true]);
        assert_eq!(has.gap(&kept), None);
        assert_eq!(positions(&[]).gap(&kept), None);
    }

    #[test]
    fn what_is_no_longer_kept_is_a_gap_unless_the_client_has_it() {
        let kept = [event(None, 4), event(None, 5)];
        assert_eq!(positions(&[(None, 1)]).gap(&kept), Some((2, 3)));
        assert_eq!(positions(&[(None, 3)]).gap(&kept), None);
    }

    #[test]
    fn an_event_is_called_by_lane_and_number() {
        let said = event(Some("p"), 12);
        assert_eq!(said.id().as_deref(), Some("p:a/12"));
        assert!(said.is_called("p:a/12"));
        for other in [":a/12", "p:a/1", "p:a/", "12", ""] {
            assert!(!said.is_called(other), "{other}");
        }
    }
}
