//! Coming back to a stream with a token (atp.md 13.1 and 13.2).
//!
//! Whoever comes back says what it has of each lane, and reads on from there: messages are kept with their numbers, so that
//! nothing has to be made again. A message counts as delivered when it was handed to the transport; what was lost on the way is
//! still kept, unless more than the bound of the history came after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Context, Handler, Recipient};
use atp_protocol::connection::Output;
use atp_protocol::error::Fault;
use atp_protocol::ids::{CloneId, LaneId, PersonaId};
use atp_protocol::payload::{
    Kind, LanePosition, Payload, ResumeAck, WindowReason, WindowScope, WindowUpdate,
};
use atp_protocol::resume::{Binding, Refusal, ResumeToken, TOKEN_BYTES, reissue_at};
use atp_protocol::units::PartialWindow;

use super::messages::ToHolder;
use super::stream::KeptStream;
use super::table::read_from;
use super::{Event, NewToken, Resume, Resumed};

impl KeptStream {
    fn binding(&self) -> Binding {
        Binding {
            tenant: self.identity.tenant.clone(),
            session: self.key.session.clone(),
            stream: self.key.stream.clone(),
        }
    }

    pub(super) fn issue(&mut self) -> String {
        let world = &self.router.world;
        let mut bytes = [0; TOKEN_BYTES];
        world.random.fill(&mut bytes);
        let token = ResumeToken::new(bytes);
        self.token_since = world.clock.unix();
        let (binding, ttl_ms) = (self.binding(), self.settings().ttl_ms);
        self.tokens.issue(self.token_since, token.hash(), binding, ttl_ms);
        token.reveal()
    }

    /// At half its time a token gets a successor, which whoever holds or reads the stream is told.
    pub(super) fn renew_token(&mut self) {
        let ttl_ms = self.settings().ttl_ms;
        let due = reissue_at(self.token_since, ttl_ms);
        let is_admitted = self.machine.streams().next().is_some();
        if !is_admitted || self.router.world.clock.unix() < due {
            return;
        }
        let window = PartialWindow::default();
        let mut update = WindowUpdate::new(window, 0, WindowScope::Stream, WindowReason::Refresh);
        update.resume_token = Some(self.issue());
        update.resume_ttl_ms = Some(ttl_ms);
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
    fn resume(&mut self, Resume { request, holder }: Resume) -> Result<Resumed, Fault> {
        let token = ResumeToken::parse(&request.resume_token).ok_or_else(|| Refusal::Unknown.fault())?;
        let (first, kept) = self.history.snapshot();
        let has = Positions::of(&request.lanes);
        let replaying = kept.iter().filter(|event| has.lacks(event)).count() as u64;
        let gap = has.gap(&kept);
        let skipped = kept.iter().take_while(|event| has.has(event)).count() as u64;
        // Before the token is used up: who finds no place may come again with it.
        let reader = read_from(&self.history, first + skipped)?;
        let now = self.router.world.clock.unix();
        let binding = self.binding();
        self.tokens
            .consume(now, token.hash(), &binding)
            .map_err(Refusal::fault)?;
        self.replace(holder);
        Ok(Resumed {
            ack: ResumeAck {
                ok: true,
                resume_token: self.issue(),
                expect: self.received + 1,
                replaying,
                window: Some(self.window()),
                gap_from: gap.map(|gap| gap.0),
                gap_to: gap.map(|gap| gap.1),
            },
            has,
            reader,
            flow: self.flow.clone(),
        })
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
    type Result = String;

    fn handle(&mut self, _: NewToken, _: &mut Context<Self>) -> String {
        self.issue()
    }
}

impl Handler<Resume> for KeptStream {
    type Result = Result<Resumed, Fault>;

    fn handle(&mut self, resume: Resume, _: &mut Context<Self>) -> Self::Result {
        let meter = Arc::clone(&self.router.world.meter);
        let resumed = self.resume(resume);
        match &resumed {
            Ok(_) => meter.requests.resumes.increment(1),
            Err(_) => meter.requests.resume_failures.increment(1),
        }
        resumed
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
