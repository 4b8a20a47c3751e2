//! Lets time pass.

use serde::{Deserialize, Serialize};

use super::{Effect, Journal, tag};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;

/// Proposed by the leader every second while anything can fall due (governance.md 1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// How long a stream that nobody writes to is kept, in milliseconds (`session_ttl_ms`).
    pub session_ttl_ms: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TickReply {
    /// Nothing more is due.
    Done,
    /// More is due than one command does. Propose another at once.
    Again,
}

impl Body for Tick {
    const TAG: Tag = tag(16);
    type Reply = TickReply;
}

impl Handler<Journal, Effect> for Tick {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> TickReply {
        let now = context.now();
        journal.requests.prune(now);
        let more_leases = journal.home.lapse(now, effects);
        let more_streams = journal.streams.forget(now, self.session_ttl_ms);
        match more_leases || more_streams {
            true => TickReply::Again,
            false => TickReply::Done,
        }
    }
}
