//! What was done, what was seen, and what must not have been.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::clock;

/// Violations that are listed; more are counted.
const LISTED: usize = 20;

/// The result of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Which run it was; the same seed chooses the same faults.
    pub seed: u64,
    /// How often each thing happened.
    pub counts: BTreeMap<String, u64>,
    /// How many things happened that must not.
    pub violations: u64,
    /// The first of them.
    pub reasons: Vec<String>,
}

impl Report {
    /// Whether nothing happened that must not.
    pub fn is_clean(&self) -> bool {
        self.violations == 0
    }
}

/// A report that all parts of a run write, and the word that it is over.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    report: Rc<RefCell<Report>>,
    is_over: Rc<Cell<bool>>,
    /// When somebody was last answered.
    answered: Rc<Cell<Option<Duration>>>,
}

impl Notes {
    pub(super) fn new(seed: u64) -> Self {
        let report = Report {
            seed,
            ..Report::default()
        };
        Self {
            report: Rc::new(RefCell::new(report)),
            is_over: Rc::default(),
            answered: Rc::default(),
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.report.borrow().seed
    }

    /// Whether clients begin something else.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_over.get()
    }

    /// Clients finish what they have begun and end.
    pub(super) fn end(&self) {
        self.is_over.set(true);
    }

    pub(super) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    /// Counts an answer, and keeps the longest time without any.
    pub(super) fn answered(&self, what: &str) {
        self.count(what);
        let now = clock::now();
        if let Some(before) = self.answered.replace(Some(now)) {
            self.longest("ms without an answer at the longest", now - before);
        }
    }

    pub(super) fn add(&self, what: &str, number: u64) {
        *self
            .report
            .borrow_mut()
            .counts
            .entry(what.to_owned())
            .or_default() += number;
    }

    /// Keeps the longest time, in milliseconds.
    pub(super) fn longest(&self, what: &str, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut report = self.report.borrow_mut();
        let longest = report.counts.entry(what.to_owned()).or_default();
        *longest = millis.max(*longest);
    }

    pub(super) fn get(&self, what: &str) -> u64 {
        self.report.borrow().counts.get(what).copied().unwrap_or(0)
    }

    pub(super) fn violation(&self, reason: String) {
        let mut report = self.report.borrow_mut();
        report.violations += 1;
        if report.reasons.len() < LISTED {
            report.reasons.push(reason);
        }
    }

    pub(super) fn report(&self) -> Report {
        self.report.borrow().clone()
    }
}
