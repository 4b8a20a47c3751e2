//! Requests without an answer, with their deadlines.

use std::collections::BTreeMap;

use crate::link::Correlation;
use crate::units::Millis;

#[derive(Debug)]
pub(super) struct InFlight<T> {
    entries: BTreeMap<Correlation, Entry<T>>,
    /// Of all bodies.
    bytes: usize,
    /// No deadline is earlier. It may be that of a request that ended: looking again is cheap and seldom, finding the next is not.
    earliest: Option<Millis>,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: Millis,
    bytes: usize,
    tag: T,
}

impl<T> InFlight<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            bytes: 0,
            earliest: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn earliest(&self) -> Option<Millis> {
        self.earliest
    }

    pub(super) fn insert(&mut self, id: Correlation, deadline: Millis, bytes: usize, tag: T) {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        self.bytes += bytes;
        let entry = Entry { deadline, bytes, tag };
        self.entries.insert(id, entry);
    }

    pub(super) fn has(&self, id: Correlation) -> bool {
        self.entries.contains_key(&id)
    }

    pub(super) fn get_mut(&mut self, id: Correlation) -> Option<&mut T> {
        self.entries.get_mut(&id).map(|entry| &mut entry.tag)
    }

    pub(super) fn remove(&mut self, id: Correlation) -> Option<T> {
        let entry = self.entries.remove(&id)?;
        self.bytes -= entry.bytes;
        Some(entry.tag)
    }

    /// Takes out what is over at `now`, telling each.
    pub(super) fn expire(&mut self, now: Millis, mut tell: impl FnMut(Correlation)) -> Vec<T> {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        let over: Vec<_> = self
            .entries
            .extract_if(.., |_, entry| entry.deadline <= now)
            .collect();
        self.earliest = self.entries.values().map(|entry| entry.deadline).min();
        self.bytes -= over.iter().map(|(_, entry)| entry.bytes).sum::<usize>();
        over.into_iter()
            .map(|(id, entry)| {
                tell(id);
                entry.tag
            })
            .collect()
    }

    pub(super) fn drain(&mut self) -> Vec<T> {
        let entries = std::mem::take(self).entries;
        entries.into_values().map(|entry| entry.tag).collect()
    }
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self::new()
    }
}
