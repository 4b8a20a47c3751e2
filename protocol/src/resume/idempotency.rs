//! Repeats of a request under one idempotency key (atp.md 13.3).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

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

/// What a request under a key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin<T = Bytes> {
    /// Run: it is the first of those that are remembered.
    Run,
    /// Attach to the one that runs, and get its output from the start of what is buffered.
    Attach(Place),
    /// Answer with the stored outcome, marked as a replay and not charged.
    Replay(T),
}

/// Bytes that a key takes up beside its outcome, roughly.
const KEY_BYTES: usize = 512;

/// Outcomes by key; `T` is what is kept of one, cheap to clone.
///
/// Bounds: entries live `ttl_ms`. Beyond `keys_max` keys or `bytes_max` bytes of outcomes the oldest outcome of the tenant that
/// takes up most gives way, so that a busy tenant forgets its own; where nothing has ended, a new key is refused with
/// `ERATE`, because forgetting one that runs would let its request run twice at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyTable<T = Bytes> {
    ttl_ms: u64,
    keys_max: usize,
    bytes_max: usize,
    /// Bytes of all outcomes.
    bytes: usize,
    entries: BTreeMap<IdempotencyKey, Entry<T>>,
    /// All keys, oldest first.
    order: BTreeSet<(UnixMillis, IdempotencyKey)>,
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

/// How far the request under a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State<T> {
    /// It runs there.
    Running(Place),
    /// It ended for good.
    Finished {
        /// What repeats are answered with.
        outcome: T,
        /// How much of the bound that takes up.
        bytes: usize,
    },
}

/// What a tenant takes up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Share {
    /// Its keys and their outcomes.
    bytes: usize,
    /// Its keys with an outcome, oldest first.
    finished: BTreeSet<(UnixMillis, IdempotencyKey)>,
}

impl<T: Clone> IdempotencyTable<T> {
    /// No keys. `ttl_ms` is a day by default.
    #[must_use]
    pub const fn new(ttl_ms: u64, keys_max: usize, bytes_max: usize) -> Self {
        Self {
            ttl_ms,
            keys_max,
            bytes_max,
            bytes: 0,
            entries: BTreeMap::new(),
            order: BTreeSet::new(),
            shares: BTreeMap::new(),
        }
    }

    /// A request arrives at `place`; on [`Begin::Run`] it is remembered as running there.
    ///
    /// # Errors
    /// `EIDEM` if the key was used for another request, `ERATE` if the table is full of requests that run.
    pub fn begin(
        &mut self,
        now: UnixMillis,
        key: IdempotencyKey,
        hash: RequestHash,
        place: Place,
    ) -> Result<Begin<T>, Fault> {
        self.prune(now);
        if let Some(entry) = self.entries.get(&key) {
            if entry.hash != hash {
                return Err(Fault::new(
                    Code::Idem,
                    "the key was used for another request; use a new one",
                ));
            }
            return Ok(match &entry.state {
                State::Running(place) => Begin::Attach(place.clone()),
                State::Finished { outcome, .. } => Begin::Replay(outcome.clone()),
            });
        }
        self.make_room()?;
        let entry = Entry {
            hash,
            since: now,
            state: State::Running(place),
        };
        self.insert(key, entry);
        Ok(Begin::Run)
    }

    /// Remembers a key as another table has it, as when that was saved. One that is there already is replaced.
    pub fn insert(&mut self, key: IdempotencyKey, entry: Entry<T>) {
        self.remove(&key);
        let share = self.shares.entry(key.tenant.clone()).or_default();
        share.bytes += KEY_BYTES;
        if let State::Finished { bytes, .. } = &entry.state {
            share.finished.insert((entry.since, key.clone()));
            share.bytes += bytes;
            self.bytes += bytes;
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

    /// How long keys are remembered, in milliseconds.
    #[must_use]
    pub const fn ttl_ms(&self) -> u64 {
        self.ttl_ms
    }

    /// From here on keys are remembered so long.
    pub const fn keep_for(&mut self, ttl_ms: u64) {
        self.ttl_ms = ttl_ms;
    }

    /// The request under `key` ended for good; `outcome`, of so many bytes, is what repeats are answered with: the final, or an
    /// error that cannot be retried.
    pub fn finish(&mut self, key: &IdempotencyKey, outcome: T, bytes: usize) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let State::Running(_) = entry.state {
            entry.state = State::Finished { outcome, bytes };
            let share = self.shares.entry(key.tenant.clone()).or_default();
            share.finished.insert((entry.since, key.clone()));
            share.bytes += bytes;
            self.bytes += bytes;
        }
    }

    /// The request under `key` failed in a way that may be retried: the key is forgotten, and a repeat is a first.
    pub fn fail(&mut self, key: &IdempotencyKey) {
        self.remove(key);
    }

    fn remove(&mut self, key: &IdempotencyKey) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        let place = (entry.since, key.clone());
        self.order.remove(&place);
        let bytes = match entry.state {
            State::Running(_) => 0,
            State::Finished { bytes, .. } => bytes,
        };
        self.bytes -= bytes;
        if let Some(share) = self.shares.get_mut(&key.tenant) {
            share.finished.remove(&place);
            share.bytes -= KEY_BYTES + bytes;
            if share.bytes == 0 {
                self.shares.remove(&key.tenant);
            }
        }
    }

    fn make_room(&mut self) -> Result<(), Fault> {
        while self.entries.len() >= self.keys_max || self.bytes >= self.bytes_max {
            let with_outcomes = self.shares.values().filter(|share| !share.finished.is_empty());
            let largest = with_outcomes.max_by_key(|share| share.bytes);
            let Some((_, key)) = largest.and_then(|share| share.finished.first()).cloned() else {
                let detail = "too many requests run under idempotency keys at once; back off";
                return Err(Fault::new(Code::Rate, detail));
            };
            self.remove(&key);
        }
        Ok(())
    }

    /// Forgets the keys whose time is over.
    pub fn prune(&mut self, now: UnixMillis) {
        while let Some((since, key)) = self.order.first()
            && now.0.saturating_sub(since.0) > self.ttl_ms
        {
            self.remove(&key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn key(key: &str) -> IdempotencyKey {
        IdempotencyKey {
            tenant: TenantId::new("acme").unwrap(),
            key: key.to_owned(),
        }
    }

    fn place(stream: &str) -> Place {
        Place {
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new(stream).unwrap(),
        }
    }

    fn begin(
        table: &mut IdempotencyTable,
        now: u64,
        name: &str,
        hash: u8,
        stream: &str,
    ) -> Result<Begin, Code> {
        table
            .begin(UnixMillis(now), key(name), [hash; 32], place(stream))
            .map_err(|fault| fault.code)
    }

    #[test]
    fn a_repeat_attaches_then_replays() {
        let mut table = IdempotencyTable::new(DAY, 9, 99);
        assert_eq!(begin(&mut table, 0, "k", 1, "a"), Ok(Begin::Run));
        assert_eq!(begin(&mut table, 1, "k", 1, "b"), Ok(Begin::Attach(place("a"))));
        table.finish(&key("k"), Bytes::from_static(b"final"), 5);
        assert_eq!(
            begin(&mut table, DAY, "k", 1, "b"),
            Ok(Begin::Replay(Bytes::from_static(b"final")))
        );
        assert_eq!(begin(&mut table, DAY + 1, "k", 1, "b"), Ok(Begin::Run));
    }

    #[test]
    fn a_retryable_failure_runs_again_where_the_repeat_is() {
        let mut table = IdempotencyTable::new(DAY, 9, 99);
        begin(&mut table, 0, "k", 1, "a").unwrap();
        table.fail(&key("k"));
        assert_eq!(begin(&mut table, 1, "k", 1, "b"), Ok(Begin::Run));
        assert_eq!(begin(&mut table, 2, "k", 1, "c"), Ok(Begin::Attach(place("b"))));
    }

    #[test]
    fn another_request_and_a_table_full_of_running_ones_are_refused() {
        let mut table = IdempotencyTable::new(DAY, 1, 99);
        begin(&mut table, 0, "k", 1, "a").unwrap();
        assert_eq!(begin(&mut table, 0, "k", 2, "a"), Err(Code::Idem));
        assert_eq!(begin(&mut table, 0, "other", 1, "a"), Err(Code::Rate));
    }

    #[test]
    fn a_request_that_may_run_again_takes_no_place() {
        let mut table = IdempotencyTable::new(DAY, 1, 99);
        for name in ["k", "l", "m"] {
            assert_eq!(begin(&mut table, 0, name, 1, "a"), Ok(Begin::Run));
            table.fail(&key(name));
        }
        assert!(table.entries.is_empty() && table.order.is_empty() && table.shares.is_empty());
    }

    #[test]
    fn of_keys_and_bytes_the_tenant_that_has_most_gives_way() {
        let of = |tenant: &str, name: &str| IdempotencyKey {
            tenant: TenantId::new(tenant).unwrap(),
            key: name.to_owned(),
        };
        for (keys_max, bytes_max, large) in [(4, 9_999, 1), (99, 3_000, 1_500)] {
            let mut table = IdempotencyTable::new(DAY, keys_max, bytes_max);
            let mut ask = |now, key: &IdempotencyKey, bytes| {
                let begun = table.begin(UnixMillis(now), key.clone(), [1; 32], place("a"));
                table.finish(key, Bytes::new(), bytes);
                begun.unwrap() == Begin::Run
            };
            assert!(ask(0, &of("calm", "first"), 1));
            for now in 1..100 {
                assert!(ask(now, &of("busy", &now.to_string()), large));
            }
            assert!(!ask(100, &of("calm", "first"), 1));
            assert!(!ask(100, &of("busy", "99"), large));
            assert!(ask(100, &of("busy", "1"), large));
        }
    }
}
