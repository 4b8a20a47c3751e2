//! The search for an order: depth first, over a list of calls and returns from which what has happened is taken out.

use std::collections::HashSet;
use std::time::Duration;

use super::{Model, Operation};

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none. Up to the operation with this index, by return, there was.
    Violation {
        /// Of the operation whose return no order explained, in the history given.
        at: usize,
    },
    /// Neither was found within the bound.
    Undecided,
}

/// Searches at most `steps` steps of the model. Memory grows with the steps: a state and a bit an operation each.
pub fn check<M: Model>(model: &M, history: &[Operation<M::Op>], steps: usize) -> Verdict {
    let mut list = List::of(history);
    let mut state = model.initial();
    let mut happened = vec![0_u64; history.len().div_ceil(64)];
    let mut seen = HashSet::new();
    let mut path = Vec::new();
    let (mut furthest, mut culprit) = (0, 0);
    let mut left = steps;
    let mut position = list.first();
    while list.returns > 0 {
        let entry = position.expect("a return is left, and the walk stops at the first one");
        let operation = list.entries[entry].operation;
        if list.entries[entry].is_call {
            if left == 0 {
                return Verdict::Undecided;
            }
            left -= 1;
            let bit = 1 << (operation % 64);
            let next = model.step(&state, &history[operation].op).filter(|next| {
                happened[operation / 64] |= bit;
                let is_fresh = seen.insert((happened.clone(), next.clone()));
                happened[operation / 64] &= !bit;
                is_fresh
            });
            if let Some(next) = next {
                happened[operation / 64] |= bit;
                path.push((entry, std::mem::replace(&mut state, next)));
                list.take(entry);
                position = list.first();
            } else {
                position = list.after(entry);
            }
            continue;
        }
        // This has returned and cannot have happened by now: something before it was chosen wrongly.
        if path.len() >= furthest {
            (furthest, culprit) = (path.len(), operation);
        }
        let Some((taken, before)) = path.pop() else {
            return Verdict::Violation { at: culprit };
        };
        let operation = list.entries[taken].operation;
        happened[operation / 64] &= !(1 << (operation % 64));
        state = before;
        list.put_back(taken);
        position = list.after(taken);
    }
    Verdict::Linearizable
}

/// A call or a return.
struct Entry {
    operation: usize,
    is_call: bool,
    /// Where the return of a call stands; `None` for an unknown outcome.
    end: Option<usize>,
}

/// The calls and returns of what has not happened, in order of time. Position 0 is before the first.
struct List {
    entries: Vec<Entry>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Returns in the list.
    returns: usize,
}

/// Stands for "no entry" in `List::next`.
const NONE: usize = usize::MAX;

impl List {
    fn of<O>(history: &[Operation<O>]) -> Self {
        let mut times: Vec<(Duration, bool, usize)> = Vec::new();
        for (index, operation) in history.iter().enumerate() {
            times.push((operation.called, false, index));
            times.extend(operation.returned.map(|returned| (returned, true, index)));
        }
        // At one instant calls come first: then the two were concurrent, and neither order is excluded.
        times.sort_by_key(|(time, is_return, index)| (*time, *is_return, *index));
        let head = Entry {
            operation: 0,
            is_call: false,
            end: None,
        };
        let mut entries = vec![head];
        let mut calls = vec![NONE; history.len()];
        for (_, is_return, operation) in times {
            let position = entries.len();
            if is_return {
                entries[calls[operation]].end = Some(position);
            } else {
                calls[operation] = position;
            }
            entries.push(Entry {
                operation,
                is_call: !is_return,
                end: None,
            });
        }
        let count = entries.len();
        let returns = entries.iter().skip(1).filter(|entry| !entry.is_call).count();
        Self {
            next: (1..count).chain([NONE]).collect(),
            previous: std::iter::once(NONE).chain(0..count - 1).collect(),
            returns,
            entries,
        }
    }

    fn first(&self) -> Option<usize> {
        self.after(0)
    }

    fn after(&self, entry: usize) -> Option<usize> {
        (self.next[entry] != NONE).then_some(self.next[entry])
    }

    /// Takes a call and its return out.
    fn take(&mut self, call: usize) {
        self.unlink(call);
        if let Some(end) = self.entries[call].end {
            self.unlink(end);
            self.returns -= 1;
        }
    }

    /// Undoes the last `take` that was not undone, which was of `call`.
    fn put_back(&mut self, call: usize) {
        if let Some(end) = self.entries[call].end {
            self.link(end);
            self.returns += 1;
        }
        self.link(call);
    }

    fn unlink(&mut self, entry: usize) {
        let (previous, next) = (self.previous[entry], self.next[entry]);
        self.next[previous] = next;
        if next != NONE {
            self.previous[next] = previous;
        }
    }

    fn link(&mut self, entry: usize) {
        let (previous, next) = (self.previous[entry], self.next[entry]);
        self.next[previous] = entry;
        if next != NONE {
            self.previous[next] = entry;
        }
    }
}
