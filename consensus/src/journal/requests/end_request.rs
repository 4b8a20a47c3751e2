//! Says how a request under an idempotency key ended.

use atp_protocol::resume::{Claim, IdempotencyKey};
use serde::{Deserialize, Serialize};

use super::OUTCOME_MAX;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Committed before the request's client is told. May be proposed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRequest {
    /// The key.
    pub key: IdempotencyKey,
    /// Who ran it.
    pub claim: Claim,
    /// How it ended.
    pub end: End,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// For good, with that: at most [`OUTCOME_MAX`] bytes, which nodes read and the group does not.
    Answered(#[serde(with = "serde_bytes")] Vec<u8>),
    /// So that a repeat may run again, or before it began.
    Again,
    /// Nobody knows: its node was lost. That node may still say otherwise.
    Lost,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndRequestReply {
    /// It is known.
    Ended,
    /// The key is not its any more: it was ended before, or forgotten.
    Gone,
    /// The outcome is over [`OUTCOME_MAX`].
    TooLong,
}

impl Body for EndRequest {
    const TAG: Tag = tag(65);
    type Reply = EndRequestReply;
}

impl Handler<Journal, Effect> for EndRequest {
    fn apply(self, _: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> EndRequestReply {
        let Self { key, claim, end } = self;
        let requests = &mut journal.requests;
        let was_its = match end {
            End::Answered(outcome) if outcome.len() > OUTCOME_MAX => return EndRequestReply::TooLong,
            End::Answered(outcome) => requests.finish(&key, &claim, outcome.into()),
            End::Again => requests.fail(&key, &claim),
            End::Lost => requests.lose(&key, &claim),
        };
        match was_its {
            true => EndRequestReply::Ended,
            false => EndRequestReply::Gone,
        }
    }
}
