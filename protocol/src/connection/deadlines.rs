//! Which stream wants to be woken when.

use std::collections::{BTreeMap, BTreeSet};

use crate::stream::StreamKey;
use crate::units::Millis;

/// One deadline a stream, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_time: BTreeSet<(Millis, StreamKey)>,
    by_stream: BTreeMap<StreamKey, Millis>,
}

impl Deadlines {
    /// Replaces a stream's deadline.
    pub(super) fn set(&mut self, key: &StreamKey, due: Option<Millis>) {
        if self.by_stream.get(key).copied() == due {
            return;
        }
        if let Some(old) = self.by_stream.remove(key) {
            self.by_time.remove(&(old, key.clone()));
        }
        if let Some(due) = due {
            self.by_stream.insert(key.clone(), due);
            self.by_time.insert((due, key.clone()));
        }
    }

    /// The earliest.
    pub(super) fn next(&self) -> Option<Millis> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Streams whose time has come.
    pub(super) fn due(&self, now: Millis) -> Vec<StreamKey> {
        let is_due = |(due, _): &&(Millis, StreamKey)| *due <= now;
        self.by_time
            .iter()
            .take_while(is_due)
            .map(|(_, key)| key.clone())
            .collect()
    }
}
