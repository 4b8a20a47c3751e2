//! Series of a label whose values come from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values a label may have (atp.md 27.1). What comes later shares the series of `other`.
pub const LABELS_MAX: usize = 100;

/// The value that stands for all that have no series of their own.
const OTHER: &str = "other";

/// Series by label value: the first [`LABELS_MAX`] values have their own for as long as the node runs.
pub struct Capped<T> {
    make: Box<dyn Fn(&str) -> T + Send + Sync>,
    named: Mutex<BTreeMap<String, Arc<T>>>,
    other: Arc<T>,
}

impl<T> Capped<T> {
    pub(super) fn new(make: impl Fn(&str) -> T + Send + Sync + 'static) -> Self {
        Self {
            other: Arc::new(make(OTHER)),
            make: Box::new(make),
            named: Mutex::default(),
        }
    }

    /// The series of `value`. To be kept where it is used often.
    pub fn of(&self, value: &str) -> Arc<T> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = named.get(value) {
            return Arc::clone(series);
        }
        if named.len() >= LABELS_MAX {
            return Arc::clone(&self.other);
        }
        let series = Arc::new((self.make)(value));
        named.insert(value.to_owned(), Arc::clone(&series));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_values_have_series_of_their_own_and_the_rest_share_one() {
        let series = Capped::new(str::to_owned);
        for n in 0..LABELS_MAX {
            assert_eq!(*series.of(&n.to_string()), n.to_string());
        }
        assert_eq!(*series.of("late"), OTHER);
        assert_eq!(*series.of("7"), "7");
    }
}
