//! What is kept of a stream. A disk format: the golden samples keep it so.

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::LaneId;
use atp_protocol::resume::TokenHash;
use atp_protocol::units::{Amount, Tier, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{LANES_MAX, NewToken};

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It runs.
    Open,
    /// It has its final, which the client may not have seen.
    Finished,
    /// Nobody comes back to it.
    Closed,
}

/// How far a lane is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The lane.
    pub lane: LaneId,
    /// Next number to be sent.
    pub tx: u64,
    /// Next number wanted.
    pub rx: u64,
    /// Whether the client was given anything of it, so that it cannot be begun anew.
    pub has_delivered: bool,
}

/// A resume token as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its hash.
    pub hash: TokenHash,
    /// When it was issued.
    pub issued: UnixMillis,
    /// How long it is good for, in milliseconds.
    pub ttl_ms: u64,
}

impl Token {
    pub(super) const fn new(token: NewToken, now: UnixMillis) -> Self {
        Self {
            hash: token.hash,
            issued: now,
            ttl_ms: token.ttl_ms,
        }
    }

    /// Good until strictly older than its time (atp.md 13.1).
    pub(super) const fn is_expired(&self, now: UnixMillis) -> bool {
        now.0.saturating_sub(self.issued.0) > self.ttl_ms
    }
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Who runs it.
    pub owner: NodeId,
    /// In which epoch: no other tenure of the group has the same.
    pub epoch: u64,
    /// How far it is.
    pub state: State,
    /// Its tier.
    pub qos: Tier,
    /// When it was opened.
    pub created: UnixMillis,
    /// When it was written last.
    pub updated: UnixMillis,
    /// Its lanes, in their order.
    pub lanes: Vec<Lane>,
    /// What of its budget is left.
    pub budget_left: Amount,
    /// What it was asked; dropped when it ends.
    #[serde(with = "serde_bytes")]
    pub request: Box<[u8]>,
    /// Its final.
    #[serde(with = "serde_bytes")]
    pub outcome: Option<Box<[u8]>>,
    /// Its resume tokens, the older first.
    pub tokens: [Option<Token>; 2],
    /// The client's key for it, which alone opens its name again when it has ended.
    pub idempotency_key: Option<Box<str>>,
}

impl Stream {
    /// Bytes that count for the bound.
    pub(super) fn bytes(&self) -> usize {
        self.request.len() + self.outcome.as_ref().map_or(0, |outcome| outcome.len())
    }

    /// Whether it may make room for another.
    pub(super) const fn has_ended(&self) -> bool {
        match self.state {
            State::Open => false,
            State::Finished | State::Closed => true,
        }
    }

    /// Numbers only rise, whatever arrives late. False if there would be too many lanes; nothing changed then.
    pub(super) fn advance(&mut self, lanes: Vec<Lane>) -> bool {
        let find = |kept: &[Lane], lane: &LaneId| kept.binary_search_by(|kept| kept.lane.cmp(lane));
        let new = lanes
            .iter()
            .filter(|lane| find(&self.lanes, &lane.lane).is_err())
            .count();
        if self.lanes.len() + new > LANES_MAX {
            return false;
        }
        for lane in lanes {
            match find(&self.lanes, &lane.lane) {
                Ok(at) => {
                    let kept = &mut self.lanes[at];
                    kept.tx = kept.tx.max(lane.tx);
                    kept.rx = kept.rx.max(lane.rx);
                    kept.has_delivered |= lane.has_delivered;
                }
                Err(at) => {
                    self.lanes.reserve_exact(1);
                    self.lanes.insert(at, lane);
                }
            }
        }
        true
    }
}
