//! The newest entries of a log, in memory: those that are not durable, and as many more as fit, so that replication and apply read
//! the disk only for who is far behind.

use std::collections::VecDeque;
use std::ops::Range;

use crate::types::Entry;

/// Bytes of durable entries that are kept, of a group.
const KEPT: usize = 2 * 1024 * 1024;

/// Consecutive entries, the last of the log among them.
#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    bytes: usize,
}

impl Tail {
    /// Adds the entry after the last one; `bytes` is its encoded size.
    pub(super) fn push(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes;
        self.entries.push_back(Kept { entry, bytes });
    }

    /// The index of the first entry kept.
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.front().map(|kept| kept.entry.log_id.index)
    }

    /// Entries of a range that begins at or after [`Self::first`], until their encoded size passes `max_bytes`, at least one.
    pub(super) fn read(&self, range: Range<u64>, max_bytes: usize) -> Vec<Entry> {
        let Some(first) = self.first() else {
            return Vec::new();
        };
        let skip = usize::try_from(range.start.saturating_sub(first)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        self.entries
            .iter()
            .skip(skip)
            .take_while(|kept| {
                let fits = bytes == 0 || bytes + kept.bytes <= max_bytes;
                bytes += kept.bytes;
                fits && kept.entry.log_id.index < range.end
            })
            .map(|kept| kept.entry.clone())
            .collect()
    }

    /// Forgets entries from an index on.
    pub(super) fn truncate(&mut self, from: u64) {
        while let Some(kept) = self.entries.pop_back_if(|kept| kept.entry.log_id.index >= from) {
            self.bytes -= kept.bytes;
        }
    }

    /// Forgets entries up to an index.
    pub(super) fn purge(&mut self, through: u64) {
        while let Some(kept) = self
            .entries
            .pop_front_if(|kept| kept.entry.log_id.index <= through)
        {
            self.bytes -= kept.bytes;
        }
    }

    /// Forgets the oldest entries up to the durable one at an index, until what is left fits.
    pub(super) fn trim(&mut self, durable: u64) {
        while self.bytes > KEPT
            && let Some(kept) = self
                .entries
                .pop_front_if(|kept| kept.entry.log_id.index <= durable)
        {
            self.bytes -= kept.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(indexes: Range<u64>, bytes: usize) -> Tail {
        let mut tail = Tail::default();
        for index in indexes {
            let mut entry = Entry::default();
            entry.log_id.index = index;
            tail.push(entry, bytes);
        }
        tail
    }

    fn indexes(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.log_id.index).collect()
    }

    #[test]
    fn reads_end_at_the_range_or_at_the_bytes_but_give_one() {
        let tail = tail(5..10, 100);
        assert_eq!(indexes(&tail.read(6..9, 1_000)), [6, 7, 8]);
        assert_eq!(indexes(&tail.read(6..9, 200)), [6, 7]);
        assert_eq!(indexes(&tail.read(6..9, 1)), [6]);
        assert_eq!(indexes(&tail.read(9..20, 1_000)), [9]);
        assert!(tail.read(10..20, 1_000).is_empty());
    }

    #[test]
    fn entries_that_are_not_durable_are_kept_whatever_their_size() {
        let mut tail = tail(1..5, KEPT);
        tail.trim(2);
        assert_eq!(tail.first(), Some(3));
        tail.trim(4);
        assert_eq!(tail.first(), Some(4), "the last fits");
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut tail = tail(1..6, 10);
        tail.truncate(5);
        tail.purge(2);
        assert_eq!(indexes(&tail.read(3..9, 1_000)), [3, 4]);
        assert_eq!(tail.bytes, 20);
    }
}
