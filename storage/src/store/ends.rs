//! Where each log begins and ends, so that a commit is judged before anything is written.

use std::collections::BTreeMap;

use super::{Change, Refusal};

/// First and last index of each log that has records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ends(pub(super) BTreeMap<u16, (u64, u64)>);

impl Ends {
    /// The ends as they will be after `changes`.
    pub(super) fn after(&self, changes: &[Change]) -> Result<Self, Refusal> {
        let mut ends = self.clone();
        for change in changes {
            ends.apply(change)?;
        }
        Ok(ends)
    }

    fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Append { log, first, records } => self.append(*log, *first, records.len() as u64),
            Change::Truncate { log, from } => {
                self.keep(*log, |first, last| (first, last.min(from.checked_sub(1)?)).into());
                Ok(())
            }
            Change::Purge { log, through } => {
                self.keep(*log, |first, last| {
                    (first.max(through.checked_add(1)?), last).into()
                });
                Ok(())
            }
            Change::Put { .. } | Change::Remove { .. } => Ok(()),
        }
    }

    fn append(&mut self, log: u16, first: u64, count: u64) -> Result<(), Refusal> {
        let there = self.0.get(&log).copied();
        let next = there.map_or(first, |(_, last)| last.saturating_add(1));
        let refused = Refusal::NotNext { log, next, first };
        let end = first.checked_add(count).ok_or_else(|| refused.clone())?;
        if first != next {
            return Err(refused);
        }
        if count > 0 {
            self.0
                .insert(log, (there.map_or(first, |(begin, _)| begin), end - 1));
        }
        Ok(())
    }

    fn keep(&mut self, log: u16, cut: impl Fn(u64, u64) -> Option<(u64, u64)>) {
        let Some(&(first, last)) = self.0.get(&log) else {
            return;
        };
        match cut(first, last).filter(|(first, last)| first <= last) {
            Some(left) => self.0.insert(log, left),
            None => self.0.remove(&log),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(first: u64, count: usize) -> Change {
        Change::Append {
            log: 1,
            first,
            records: vec![Vec::new(); count],
        }
    }

    fn after(changes: &[Change]) -> Result<Option<(u64, u64)>, Refusal> {
        let ends = Ends::default().after(changes)?;
        Ok(ends.0.get(&1).copied())
    }

    const PURGE: fn(u64) -> Change = |through| Change::Purge { log: 1, through };
    const TRUNCATE: fn(u64) -> Change = |from| Change::Truncate { log: 1, from };

    #[test]
    fn a_log_begins_anywhere_and_goes_on_at_its_end() {
        assert_eq!(after(&[append(5, 2), append(7, 1)]), Ok(Some((5, 7))));
        assert_eq!(after(&[append(5, 0)]), Ok(None));
        for first in [6, 8] {
            let refused = after(&[append(5, 2), append(first, 1)]);
            let (log, next) = (1, 7);
            assert_eq!(refused, Err(Refusal::NotNext { log, next, first }));
        }
    }

    #[test]
    fn both_ends_are_cut() {
        assert_eq!(after(&[append(5, 5), TRUNCATE(8), PURGE(5)]), Ok(Some((6, 7))));
        assert_eq!(after(&[append(5, 5), TRUNCATE(20), PURGE(3)]), Ok(Some((5, 9))));
        assert_eq!(after(&[append(5, 5), TRUNCATE(0)]), Ok(None));
        assert_eq!(
            after(&[append(5, 5), PURGE(u64::MAX), append(2, 1)]),
            Ok(Some((2, 2)))
        );
    }

    #[test]
    fn indices_do_not_overflow() {
        assert!(after(&[append(u64::MAX, 1)]).is_err());
        assert!(after(&[append(u64::MAX - 1, 1), append(u64::MAX, 1)]).is_err());
    }
}
