//! The policy set in force, and what happens to a bad one.

use std::sync::Arc;

use super::lint::Lint;
use super::set::PolicySet;

/// Holds the set in force and counts its versions.
///
/// A set that does not pass its checks is rejected as a whole: the one in force stays, and the store is in safe mode
/// until a good one is loaded (routing.md 3.1). Readiness does not depend on it.
#[derive(Debug, Clone)]
pub struct PolicyStore {
    current: Arc<PolicySet>,
    version: u64,
    safe_mode: Option<SafeMode>,
}

/// Why the set in force is not the last one offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeMode {
    /// What was wrong with the last document.
    pub problems: Vec<Lint>,
    /// Bad documents since the last good one.
    pub rejected: u64,
}

/// What came of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// In force.
    Swapped {
        /// The version it replaced.
        previous: u64,
        /// Its own version.
        version: u64,
    },
    /// The bytes of the set in force; nothing changed.
    Unchanged {
        /// The version in force.
        version: u64,
    },
}

impl Default for PolicyStore {
    /// The built-in set as version 1.
    fn default() -> Self {
        Self::new(PolicySet::built_in())
    }
}

impl PolicyStore {
    /// Starts with a good set, as version 1.
    #[must_use]
    pub fn new(set: PolicySet) -> Self {
        Self {
            current: Arc::new(set),
            version: 1,
            safe_mode: None,
        }
    }

    /// Offers a document. A good one takes force under the next version; the same one again only ends safe mode.
    ///
    /// # Errors
    /// The problems of a bad one. The set in force stays, its version too, and [`Self::safe_mode`] says why.
    pub fn load(&mut self, text: &str) -> Result<Loaded, Vec<Lint>> {
        match self.parse(text)? {
            set if set.hash() == self.current.hash() => Ok(Loaded::Unchanged {
                version: self.version,
            }),
            set => Ok(self.swap(set, self.version + 1)),
        }
    }

    /// As [`Self::load`], of a document that a cluster agreed on under `version`. One that is not later than the version in force
    /// changes nothing.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn follow(&mut self, version: u64, text: &str) -> Result<Loaded, Vec<Lint>> {
        match self.parse(text)? {
            _ if version <= self.version => Ok(Loaded::Unchanged {
                version: self.version,
            }),
            set => Ok(self.swap(set, version)),
        }
    }

    fn swap(&mut self, set: PolicySet, version: u64) -> Loaded {
        self.current = Arc::new(set);
        let previous = std::mem::replace(&mut self.version, version);
        Loaded::Swapped { previous, version }
    }

    fn parse(&mut self, text: &str) -> Result<PolicySet, Vec<Lint>> {
        match PolicySet::parse(text) {
            Ok(set) => {
                self.safe_mode = None;
                Ok(set)
            }
            Err(problems) => {
                let rejected = self.safe_mode.as_ref().map_or(0, |mode| mode.rejected) + 1;
                self.safe_mode = Some(SafeMode {
                    problems: problems.clone(),
                    rejected,
                });
                Err(problems)
            }
        }
    }

    /// The set in force.
    #[must_use]
    pub const fn current(&self) -> &Arc<PolicySet> {
        &self.current
    }

    /// Its version; only grows.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Set while the last document offered was a bad one.
    #[must_use]
    pub const fn safe_mode(&self) -> Option<&SafeMode> {
        self.safe_mode.as_ref()
    }
}
