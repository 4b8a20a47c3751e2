//! Ids of streams that have ended (atp.md 9.2, row 15).

use std::collections::{BTreeMap, VecDeque};

use crate::stream::StreamKey;
use crate::units::Millis;

/// Most ids remembered; the oldest gives way.
const CAPACITY: usize = 4096;

/// Ended streams and the idempotency keys they were opened with, for a while.
#[derive(Debug)]
pub(super) struct Ended {
    ttl_ms: u64,
    streams: BTreeMap<StreamKey, Option<String>>,
    order: VecDeque<(Millis, StreamKey)>,
}

impl Ended {
    pub(super) const fn new(ttl_ms: u64) -> Self {
        Self {
            ttl_ms,
            streams: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn bury(&mut self, now: Millis, key: StreamKey, idempotency_key: Option<String>) {
        if self.order.len() == CAPACITY {
            self.forget_oldest();
        }
        self.order.push_back((now, key.clone()));
        self.streams.insert(key, idempotency_key);
    }

    /// The idempotency key of an ended stream, if it is remembered at all.
    pub(super) fn get(&mut self, now: Millis, key: &StreamKey) -> Option<Option<&str>> {
        while self
            .order
            .front()
            .is_some_and(|(since, _)| now.since(*since) > self.ttl_ms)
        {
            self.forget_oldest();
        }
        self.streams.get(key).map(Option::as_deref)
    }

    /// The id is in use again.
    pub(super) fn revive(&mut self, key: &StreamKey) {
        if self.streams.remove(key).is_some() {
            self.order.retain(|(_, other)| other != key);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.streams.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SessionId, StreamId};

    fn key(stream: &str) -> StreamKey {
        StreamKey {
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new(stream).unwrap(),
        }
    }

    #[test]
    fn an_id_is_free_again_after_its_time_or_when_revived() {
        let mut ended = Ended::new(60_000);
        ended.bury(Millis(0), key("a"), Some("k".to_owned()));
        assert_eq!(ended.get(Millis(60_000), &key("a")), Some(Some("k")));
        assert_eq!(ended.get(Millis(60_001), &key("a")), None);
        ended.bury(Millis(60_001), key("b"), None);
        ended.revive(&key("b"));
        assert_eq!(ended.get(Millis(60_001), &key("b")), None);
        assert!(ended.order.is_empty());
    }
}
