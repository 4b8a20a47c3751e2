//! Asks whether a request under an idempotency key is to run.

use atp_protocol::cluster::NodeId;
use atp_protocol::error::Code;
use atp_protocol::resume::{Begin, Bounds, Claim, IdempotencyKey, RequestHash};
use serde::{Deserialize, Serialize};

use super::KEY_MAX;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Committed before the request has any effect. May be proposed again under the same claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginRequest {
    /// The key, 1 to [`KEY_MAX`] bytes.
    pub key: IdempotencyKey,
    /// What of the request must be the same in a repeat.
    pub hash: RequestHash,
    /// Who is going to run it.
    pub claim: Claim,
    /// How much this group remembers from here on.
    pub bounds: Bounds,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BeginRequestReply {
    /// Run it, and say how it ended.
    Run,
    /// Another runs it. Attach to that, or wait for its end.
    Runs(Claim),
    /// That node was lost while it ran it, and may have carried it out. Run nothing.
    Lost(NodeId),
    /// It ended so. Answer with that, marked as a replay and not charged.
    Ended(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The key was used for another request (`EIDEM`).
    OtherRequest,
    /// The key is over [`KEY_MAX`], or empty.
    TooLong,
    /// As many keys as there may be, and the requests of all of them run (`ERATE`).
    Full,
}

impl Body for BeginRequest {
    const TAG: Tag = tag(64);
    type Reply = BeginRequestReply;
}

impl Handler<Journal, Effect> for BeginRequest {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> BeginRequestReply {
        if !(1..=KEY_MAX).contains(&self.key.key.len()) {
            return BeginRequestReply::TooLong;
        }
        let requests = &mut journal.requests;
        requests.bind(self.bounds);
        match requests.begin(context.now(), self.key, self.hash, self.claim) {
            Ok(Begin::Run) => BeginRequestReply::Run,
            Ok(Begin::Attach(claim)) => BeginRequestReply::Runs(claim),
            Ok(Begin::Lost(node)) => BeginRequestReply::Lost(node),
            Ok(Begin::Replay(outcome)) => BeginRequestReply::Ended(outcome.to_vec()),
            Err(fault) if fault.code == Code::Idem => BeginRequestReply::OtherRequest,
            Err(_) => BeginRequestReply::Full,
        }
    }
}
