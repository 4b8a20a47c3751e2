//! A stream without its connection, and with another (atp.md 13.2).

use std::sync::Arc;

use super::{Input, Profile, Stream};
use crate::ack::Gap;
use crate::frame::Frame;
use crate::ids::LaneId;
use crate::liveness::IdleTimer;
use crate::payload::{LanePosition, Resume};
use crate::units::Millis;

/// What a resume brings back.
#[derive(Debug)]
pub struct Resumption {
    /// The number wanted next from the peer, on the default lane.
    pub expect: u64,
    /// Messages sent again.
    pub replaying: u64,
    /// Messages lost to a full buffer, if any were.
    pub gap: Option<Gap>,
    /// The messages.
    pub frames: Vec<Arc<Frame<'static>>>,
}

impl Stream {
    /// Parts with the connection. True if the stream can be resumed.
    pub(crate) fn detach(&mut self) -> bool {
        self.profile.has_resume && self.on(Input::Detached)
    }

    /// What this side says to have the stream back.
    pub(crate) fn resume_request(&self, token: String) -> Resume {
        let lanes = self.inbound.cums().map(|(lane, cum)| LanePosition {
            persona_id: lane.persona.as_ref().map(|persona| persona.as_str().to_owned()),
            clone_id: lane.clone.map(|clone| clone.0),
            cum,
        });
        Resume {
            resume_token: token,
            lanes: lanes.collect(),
            sent_cum: Some(self.outbound.current(&LaneId::default())),
        }
    }

    /// Goes on over another connection: everything the peer does not have is sent again.
    pub(crate) fn attach(
        &mut self,
        now: Millis,
        profile: Profile,
        positions: &[(LaneId, u64)],
    ) -> Resumption {
        self.profile = profile;
        self.idle = IdleTimer::new(now, profile.idle_fin_ms);
        self.on(Input::Resumed);
        self.fin_sent = self.fin_sent.map(|_| now);
        if self.fin_received {
            self.on(Input::RemoteFin);
        } else if self.fin_sent.is_some() {
            self.on(Input::LocalFin);
        }
        for (lane, cum) in positions {
            self.outbound.acked(lane, *cum);
        }
        let (replaying, frames) = self.outbound.unacknowledged();
        Resumption {
            expect: self.inbound.cum(&LaneId::default()) + 1,
            replaying,
            gap: self.outbound.gap(&LaneId::default()),
            frames,
        }
    }
}
