//! Repeats of a request under one idempotency key (atp.md 13.3).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::cluster::NodeId;
use crate::error::{Code, Fault};
use crate::ids::{SessionId, StreamId, TenantId};
use crate::units::{Tier, UnixMillis};
use crate::value::{Malformed, Object, Value, canonical};

/// SHA-256 over the canonical payload, task type and tier of a request.
pub type RequestHash = [u8; 32];

/// The hash of a request: SHA-256 over the canonical JSON of payload, task type and tier.
///
/// # Errors
/// [`Malformed::Bytes`] for a payload that holds a byte string.
pub fn request_hash(
    payload: Value<'_>,
    task_type: Option<&str>,
    tier: Tier,
) -> Result<RequestHash, Malformed> {
    let mut whole = Object::new();
    whole.set("payload", payload);
    whole.set("task_type", task_type.map_or(Value::Null, Value::from));
    whole.set("qos", tier.as_str());
    let text = canonical::ascii(&whole, &[])?;
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    Ok(hash)
}

/// Names a request within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The client's key, 1 to 128 characters.
    pub key: String,
}

/// Where a request runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its session.
    pub session: SessionId,
    /// Its stream.
    pub stream: StreamId,
}

/// Who runs a request. No two are equal, so that what was said late of one is never taken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The node.
    pub node: NodeId,
    /// Which life of it.
    pub life: u64,
    /// Which of its claims in that life.
    pub number: u64,
    /// Where it runs there.
    pub place: Place,
}

/// What a request under a key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin<T = Bytes> {
    /// Run: it is the first of those that are remembered.
    Run,
    /// Attach to the one that runs there, or wait for its end.
    Attach(Claim),
    /// Run nothing: the first was cut off when its node was lost, and may have been carried out and charged.
    Lost(NodeId),
    /// Answer with the stored outcome, marked as a replay and not charged.
    Replay(T),
}

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// How long, in milliseconds.
    pub ttl_ms: u64,
    /// Keys.
    pub keys_max: u64,
    /// Bytes of outcomes.
    pub bytes_max: u64,
}

/// Bytes that a key takes up beside its outcome, roughly.
const KEY_BYTES: u64 = 512;

/// Outcomes by key; `T` is what is kept of one, cheap to clone.
///
/// Bounds: entries live `ttl_ms`. Beyond `keys_max` keys or `bytes_max` bytes of outcomes the oldest of the tenant that
/// takes up most gives way, so that a busy tenant forgets its own; where all run, a new key is refused with
/// `ERATE`, because forgetting one that runs would let its request run twice at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyTable<T = Bytes> {
    bounds: Bounds,
    /// Bytes of all outcomes.
    bytes: u64,
    entries: BTreeMap<IdempotencyKey, Entry<T>>,
    /// All keys, oldest first.
    order: BTreeSet<(UnixMillis, IdempotencyKey)>,
    running: BTreeSet<IdempotencyKey>,
    shares: BTreeMap<TenantId, Share>,
}

/// What is remembered of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The hash of its request.
    pub hash: RequestHash,
    /// Since when it is remembered.
    pub since: UnixMillis,
    /// How far its request is.
    pub state: State<T>,
}

impl<T: Clone> Entry<T> {
    /// What a repeat with that hash is to do.
    ///
    /// # Errors
    /// `EIDEM` if the key was used for another request.
    pub fn answer(&self, hash: &RequestHash) -> Result<Begin<T>, Fault> {
        if self.hash != *hash {
            return Err(Fault::new(
                Code::Idem,
                "the key was used for another request; use a new one",
            ));
        }
        Ok(match &self.state {
            State::Running(claim) => Begin::Attach(claim.clone()),
            State::Lost(claim) => Begin::Lost(claim.node),
            State::Finished(outcome) => Begin::Replay(outcome.clone()),
        })
    }
}

/// How far the request under a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State<T> {
    /// It runs there.
    Running(Claim),
    /// It ran there, and its node was lost before it said how it ended. It may still say so.
    Lost(Claim),
    /// It ended for good; repeats are answered with that.
    Finished(T),
}

impl<T> State<T> {
    /// Who runs it, or did when it was lost.
    pub const fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Running(claim) | Self::Lost(claim) => Some(claim),
            Self::Finished(_) => None,
        }
    }
}

/// What a tenant takes up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Share {
    /// Its keys and their outcomes.
    bytes: u64,
    /// Its keys that do not run, oldest first.
    over: BTreeSet<(UnixMillis, IdempotencyKey)>,
}

impl<T: Clone + AsRef<[u8]>> IdempotencyTable<T> {
    /// No keys.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            bytes: 0,
            entries: BTreeMap::new(),
            order: BTreeSet::new(),
            running: BTreeSet::new(),
            shares: BTreeMap::new(),
        }
    }

    /// A request arrives; on [`Begin::Run`] it is remembered as running under its claim. It may say so again.
    ///
    /// # Errors
    /// `EIDEM` if the key was used for another request, `ERATE` if the table is full of requests that run.
    pub fn begin(
        &mut self,
        now: UnixMillis,
        key: IdempotencyKey,
        hash: RequestHash,
        claim: Claim,
    ) -> Result<Begin<T>, Fault> {
        self.prune(now);
        let since = match self.entries.get(&key) {
            // It was taken for lost before it heard that it was to run.
            Some(known) if known.state.claim() == Some(&claim) && known.hash == hash => known.since,
            Some(known) => return known.answer(&hash),
            None => {
                self.make_room()?;
                now
            }
        };
        let state = State::Running(claim);
        self.insert(key, Entry { hash, since, state });
        Ok(Begin::Run)
    }

    /// Remembers a key as another table has it, as when that was saved. One that is there already is replaced.
    pub fn insert(&mut self, key: IdempotencyKey, entry: Entry<T>) {
        self.remove(&key);
        let bytes = outcome_bytes(&entry.state);
        self.bytes += bytes;
        let share = self.shares.entry(key.tenant.clone()).or_default();
        share.bytes += KEY_BYTES + bytes;
        match entry.state {
            State::Running(_) => drop(self.running.insert(key.clone())),
            State::Lost(_) | State::Finished(_) => drop(share.over.insert((entry.since, key.clone()))),
        }
        self.order.insert((entry.since, key.clone()));
        self.entries.insert(key, entry);
    }

    /// What is remembered of a key.
    #[must_use]
    pub fn get(&self, key: &IdempotencyKey) -> Option<&Entry<T>> {
        self.entries.get(key)
    }

    /// All keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&IdempotencyKey, &Entry<T>)> {
        self.entries.iter()
    }

    /// Keys whose requests run, and who runs them.
    pub fn running(&self) -> impl Iterator<Item = (&IdempotencyKey, &Claim)> {
        let running = self.running.iter();
        running.filter_map(|key| Some((key, self.entries.get(key)?.state.claim()?)))
    }

    /// How much is remembered.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// From here on so much is remembered; what is too much gives way when a key begins.
    pub const fn bind(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// The request of `claim` ended for good; `outcome` is what repeats are answered with: the final, or an
    /// error that cannot be retried. Returns whether the key was still its.
    pub fn finish(&mut self, key: &IdempotencyKey, claim: &Claim, outcome: T) -> bool {
        self.change(key, claim, |_| Some(State::Finished(outcome)))
    }

    /// The request of `claim` failed in a way that may be retried, or did not begin: the key is forgotten, and a repeat is a
    /// first. Returns whether the key was still its.
    pub fn fail(&mut self, key: &IdempotencyKey, claim: &Claim) -> bool {
        self.change(key, claim, |_| None)
    }

    /// The node of `claim` was lost. Returns whether the key was still its.
    pub fn lose(&mut self, key: &IdempotencyKey, claim: &Claim) -> bool {
        self.change(key, claim, |claim| Some(State::Lost(claim)))
    }

    fn change(
        &mut self,
        key: &IdempotencyKey,
        claim: &Claim,
        to: impl FnOnce(Claim) -> Option<State<T>>,
    ) -> bool {
        let known = self.entries.get(key);
        let Some(known) = known.filter(|known| known.state.claim() == Some(claim)) else {
            return false;
        };
        let (hash, since) = (known.hash, known.since);
        match to(claim.clone()) {
            Some(state) => self.insert(key.clone(), Entry { hash, since, state }),
            None => self.remove(key),
        }
        true
    }

    fn remove(&mut self, key: &IdempotencyKey) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        let place = (entry.since, key.clone());
        self.order.remove(&place);
        self.running.remove(key);
        let bytes = outcome_bytes(&entry.state);
        self.bytes -= bytes;
        if let Some(share) = self.shares.get_mut(&key.tenant) {
            share.over.remove(&place);
            share.bytes -= KEY_BYTES + bytes;
            if share.bytes == 0 {
                self.shares.remove(&key.tenant);
            }
        }
    }

    fn make_room(&mut self) -> Result<(), Fault> {
        while self.entries.len() as u64 >= self.bounds.keys_max || self.bytes >= self.bounds.bytes_max {
            let over = self.shares.values().filter(|share| !share.over.is_empty());
            let largest = over.max_by_key(|share| share.bytes);
            let Some((_, key)) = largest.and_then(|share| share.over.first()).cloned() else {
                let detail = "too many requests run under idempotency keys at once; back off";
                return Err(Fault::new(Code::Rate, detail));
            };
            self.remove(&key);
        }
        Ok(())
    }

    /// Whether a key's time is over.
    #[must_use]
    pub fn is_due(&self, now: UnixMillis) -> bool {
        let oldest = self.order.first();
        oldest.is_some_and(|(since, _)| now.0.saturating_sub(since.0) > self.bounds.ttl_ms)
    }

    /// Forgets the keys whose time is over.
    pub fn prune(&mut self, now: UnixMillis) {
        while self.is_due(now)
            && let Some((_, key)) = self.order.first().cloned()
        {
            self.remove(&key);
        }
    }
}

fn outcome_bytes<T: AsRef<[u8]>>(state: &State<T>) -> u64 {
    match state {
        State::Running(_) | State::Lost(_) => 0,
        State::Finished(outcome) => outcome.as_ref().len() as u64,
    }
}

#[cfg(test)]
mod tests;
