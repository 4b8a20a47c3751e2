//! Reassembly state outside the process (atp.md 10.4, GAP-081).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Body, Finality, Key, Markers};
use crate::ack::Tracker;
use crate::limits::FRAG_SEQ_MAX;
use crate::units::Millis;

/// How long a store keeps a message that does not complete, in milliseconds.
pub const STORE_TTL_MS: u64 = 600_000;

/// What a store holds of a message after a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// Parts are missing.
    Incomplete,
    /// All of it, in order. The store has forgotten it.
    Complete(Bytes),
}

/// Holds parts of messages where another process can go on with them: only for streams with `resume`.
///
/// Each call counts `buffer_store_ops`. Parts of a key may come in any order and more than once; a part that differs from
/// the one held is ignored. A store keeps an incomplete message for [`STORE_TTL_MS`].
pub trait BufferStore {
    /// Why the store did not take the call; the message then stays in memory.
    type Error;

    /// Adds a part.
    ///
    /// # Errors
    /// The store's own.
    fn push_part(
        &mut self,
        now: Millis,
        key: &Key,
        frag_seq: u32,
        bytes: &Bytes,
        markers: Markers,
    ) -> Result<Parts, Self::Error>;

    /// Forgets a message.
    ///
    /// # Errors
    /// The store's own.
    fn clear(&mut self, key: &Key) -> Result<(), Self::Error>;
}

/// The store is full, or the part cannot be of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the part is not taken: the store is full, or the part contradicts the message")]
pub struct NotTaken;

/// A store in memory: for a single process, and the measure of others.
///
/// Bound: `capacity` bytes; a part beyond it is not taken.
#[derive(Debug)]
pub struct MemoryStore {
    capacity: usize,
    bytes: usize,
    messages: BTreeMap<Key, Stored>,
}

#[derive(Debug)]
struct Stored {
    touched: Millis,
    tracker: Tracker,
    finality: Finality,
    parts: BTreeMap<u32, Bytes>,
}

impl Stored {
    fn bytes(&self) -> usize {
        self.parts.values().map(Bytes::len).sum()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            bytes: 0,
            messages: BTreeMap::new(),
        }
    }

    fn forget(&mut self, key: &Key) -> Option<Stored> {
        let stored = self.messages.remove(key)?;
        self.bytes -= stored.bytes();
        Some(stored)
    }

    fn prune(&mut self, now: Millis) {
        let is_old = |stored: &Stored| now.since(stored.touched) > STORE_TTL_MS;
        self.bytes -= self
            .messages
            .extract_if(.., |_, stored| is_old(stored))
            .map(|(_, stored)| stored.bytes())
            .sum::<usize>();
    }
}

impl BufferStore for MemoryStore {
    type Error = NotTaken;

    fn push_part(
        &mut self,
        now: Millis,
        key: &Key,
        frag_seq: u32,
        bytes: &Bytes,
        markers: Markers,
    ) -> Result<Parts, NotTaken> {
        self.prune(now);
        if frag_seq > FRAG_SEQ_MAX || self.bytes + bytes.len() > self.capacity {
            return Err(NotTaken);
        }
        let stored = self.messages.entry(key.clone()).or_insert_with(|| Stored {
            touched: now,
            tracker: Tracker::default(),
            finality: Finality::default(),
            parts: BTreeMap::new(),
        });
        stored.touched = now;
        match stored.finality.note(frag_seq, markers) {
            Ok(Some(last)) => stored.tracker.set_last(last),
            Ok(None) => {}
            Err(_) => {
                self.forget(key);
                return Err(NotTaken);
            }
        }
        if !stored.tracker.holds(frag_seq) {
            stored.tracker.note(frag_seq, false);
            stored.parts.insert(frag_seq, bytes.clone());
            self.bytes += bytes.len();
        }
        if !stored.tracker.is_completed() {
            return Ok(Parts::Incomplete);
        }
        let parts: Vec<Body> = self
            .forget(key)
            .into_iter()
            .flat_map(|stored| stored.parts.into_values().map(Body::Binary))
            .collect();
        let joined = parts.iter().flat_map(|part| part.chunk().bytes()).copied();
        Ok(Parts::Complete(joined.collect()))
    }

    fn clear(&mut self, key: &Key) -> Result<(), NotTaken> {
        self.forget(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::Marking;
    use crate::ids::LaneId;

    fn push(
        store: &mut MemoryStore,
        now: u64,
        seq: u64,
        at: usize,
        part: &'static str,
    ) -> Result<Parts, NotTaken> {
        let key = (LaneId::default(), seq);
        let bytes = Bytes::from_static(part.as_bytes());
        store.push_part(Millis(now), &key, at as u32, &bytes, Marking::Native.of(at, 3))
    }

    #[test]
    fn parts_in_any_order_make_the_message() {
        let mut store = MemoryStore::new(100);
        assert_eq!(push(&mut store, 0, 1, 2, "c"), Ok(Parts::Incomplete));
        assert_eq!(push(&mut store, 0, 1, 0, "a"), Ok(Parts::Incomplete));
        assert_eq!(push(&mut store, 0, 1, 0, "x"), Ok(Parts::Incomplete));
        assert_eq!(
            push(&mut store, 0, 1, 1, "b"),
            Ok(Parts::Complete(Bytes::from_static(b"abc")))
        );
        assert_eq!(store.bytes, 0);
    }

    #[test]
    fn a_full_store_takes_nothing_until_old_messages_are_gone() {
        let mut store = MemoryStore::new(4);
        push(&mut store, 0, 1, 0, "aaaa").unwrap();
        assert_eq!(push(&mut store, 600_000, 2, 0, "b"), Err(NotTaken));
        assert_eq!(push(&mut store, 600_001, 2, 0, "b"), Ok(Parts::Incomplete));
        store.clear(&(LaneId::default(), 2)).unwrap();
        assert_eq!(store.bytes, 0);
    }
}
