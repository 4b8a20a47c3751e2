//! Repeats of a request under one idempotency key (atp.md 13.3).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ring::digest::{SHA256, digest};

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotencyKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The client's key, 1 to 128 characters.
    pub key: String,
}

/// Where a request runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its session.
    pub session: SessionId,
    /// Its stream.
    pub stream: StreamId,
}

/// What a request under a key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin<T = Bytes> {
    /// Run: it is the first, or the one before failed in a way that may be retried.
    Run,
    /// Attach to the one that runs, and get its output from the start of what is buffered.
    Attach(Place),
    /// Answer with the stored outcome, marked as a replay and not charged.
    Replay(T),
}

/// Outcomes by key; `T` is what is kept of one, cheap to clone.
///
/// Bounds: entries live `ttl_ms`; at `capacity` a new key is refused with `ERATE`, because forgetting a live one would let
/// its request run twice.
#[derive(Debug, Clone)]
pub struct IdempotencyTable<T = Bytes> {
    ttl_ms: u64,
    capacity: usize,
    entries: BTreeMap<IdempotencyKey, Entry<T>>,
    order: VecDeque<(UnixMillis, IdempotencyKey)>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    hash: RequestHash,
    since: UnixMillis,
    state: State<T>,
}

#[derive(Debug, Clone)]
enum State<T> {
    Running(Place),
    Finished(T),
    Retryable,
}

impl<T: Clone> IdempotencyTable<T> {
    /// No keys. `ttl_ms` is a day by default.
    #[must_use]
    pub const fn new(ttl_ms: u64, capacity: usize) -> Self {
        Self {
            ttl_ms,
            capacity,
            entries: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A request arrives at `place`; on [`Begin::Run`] it is remembered as running there.
    ///
    /// # Errors
    /// `EIDEM` if the key was used for another request, `ERATE` if the table is full.
    pub fn begin(
        &mut self,
        now: UnixMillis,
        key: IdempotencyKey,
        hash: RequestHash,
        place: Place,
    ) -> Result<Begin<T>, Fault> {
        self.prune(now);
        if let Some(entry) = self.entries.get_mut(&key) {
            if entry.hash != hash {
                return Err(Fault::new(
                    Code::Idem,
                    "the key was used for another request; use a new one",
                ));
            }
            return Ok(match &entry.state {
                State::Running(place) => Begin::Attach(place.clone()),
                State::Finished(outcome) => Begin::Replay(outcome.clone()),
                State::Retryable => {
                    entry.state = State::Running(place);
                    Begin::Run
                }
            });
        }
        if self.entries.len() >= self.capacity {
            return Err(Fault::new(
                Code::Rate,
                "too many idempotency keys at once; back off",
            ));
        }
        let entry = Entry {
            hash,
            since: now,
            state: State::Running(place),
        };
        self.order.push_back((now, key.clone()));
        self.entries.insert(key, entry);
        Ok(Begin::Run)
    }

    /// The request under `key` ended for good; `outcome` is what repeats are answered with: the final, or an error that
    /// cannot be retried.
    pub fn finish(&mut self, key: &IdempotencyKey, outcome: T) {
        self.set(key, State::Finished(outcome));
    }

    /// The request under `key` failed in a way that may be retried: a repeat runs again.
    pub fn fail(&mut self, key: &IdempotencyKey) {
        self.set(key, State::Retryable);
    }

    fn set(&mut self, key: &IdempotencyKey, state: State<T>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.state = state;
        }
    }

    fn prune(&mut self, now: UnixMillis) {
        while let Some((since, key)) = self.order.front()
            && now.0.saturating_sub(since.0) > self.ttl_ms
        {
            if self.entries.get(key).is_some_and(|entry| entry.since == *since) {
                self.entries.remove(key);
            }
            self.order.pop_front();
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
        let mut table = IdempotencyTable::new(DAY, 9);
        assert_eq!(begin(&mut table, 0, "k", 1, "a"), Ok(Begin::Run));
        assert_eq!(begin(&mut table, 1, "k", 1, "b"), Ok(Begin::Attach(place("a"))));
        table.finish(&key("k"), Bytes::from_static(b"final"));
        assert_eq!(
            begin(&mut table, DAY, "k", 1, "b"),
            Ok(Begin::Replay(Bytes::from_static(b"final")))
        );
        assert_eq!(begin(&mut table, DAY + 1, "k", 1, "b"), Ok(Begin::Run));
    }

    #[test]
    fn a_retryable_failure_runs_again_where_the_repeat_is() {
        let mut table = IdempotencyTable::new(DAY, 9);
        begin(&mut table, 0, "k", 1, "a").unwrap();
        table.fail(&key("k"));
        assert_eq!(begin(&mut table, 1, "k", 1, "b"), Ok(Begin::Run));
        assert_eq!(begin(&mut table, 2, "k", 1, "c"), Ok(Begin::Attach(place("b"))));
    }

    #[test]
    fn another_request_and_a_full_table_are_refused() {
        let mut table = IdempotencyTable::new(DAY, 1);
        begin(&mut table, 0, "k", 1, "a").unwrap();
        assert_eq!(begin(&mut table, 0, "k", 2, "a"), Err(Code::Idem));
        assert_eq!(begin(&mut table, 0, "other", 1, "a"), Err(Code::Rate));
    }
}
