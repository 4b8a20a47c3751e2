//! A part of a machine's state that says when it changed last.

use std::ops::Deref;

/// A value and the log index of its last change, so that whoever derives something from it does so again only then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section<T> {
    generation: u64,
    value: T,
}

impl<T> Section<T> {
    /// Index of the entry that changed it last; 0 if none did.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The value, which the entry at `index` changes.
    pub(crate) const fn change(&mut self, index: u64) -> &mut T {
        self.generation = index;
        &mut self.value
    }
}

impl<T> Deref for Section<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
