//! What was done, what was seen, and what must not have been.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;

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
        }
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

    pub(super) fn add(&self, what: &str, number: u64) {
        *self
            .report
            .borrow_mut()
            .counts
            .entry(what.to_owned())
            .or_default() += number;
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
