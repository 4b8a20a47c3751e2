//! The version of a cluster: which commands may be proposed, and whether this release reads what others wrote (docs/adr/0009, 0017).
//!
//! A version is the highest schema of commands that every member reads. `meta` keeps it; every group of a node goes by what its own
//! `meta` has applied, which may be a moment behind and is never ahead, and versions only rise. So a command that passes is read by every member.

use std::sync::{Arc, Mutex, PoisonError};

use crate::command;
use crate::group::ProposeError;

/// The version of the first release. Its commands are always proposed: with them a cluster is made.
pub const FIRST: u16 = 1;

/// A version that a cluster agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreed {
    /// The version; 0 before the cluster is made.
    pub version: u16,
    /// The release that brought it in.
    pub release: String,
}

/// Something of a version that this release does not read. The node must stop: it would differ from those that do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cluster is at version {}, which came with release {}, and this release reads up to version {reads}; start release {} or a later one",
    agreed.version, agreed.release, agreed.release
)]
pub struct Later {
    /// What the cluster agreed on.
    pub agreed: Agreed,
    /// What this release reads.
    pub reads: u16,
}

/// The version as one node knows it, shared by its groups.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// What this release reads.
    reads: u16,
    agreed: Arc<Mutex<Agreed>>,
}

impl Gate {
    /// For a release that reads schemas up to `reads`.
    pub(crate) fn new(reads: u16) -> Self {
        Self {
            reads,
            agreed: Arc::default(),
        }
    }

    /// What the cluster agreed on, as far as this node knows.
    pub(crate) fn agreed(&self) -> Agreed {
        self.with(|agreed| agreed.clone())
    }

    /// The cluster agreed on a version.
    ///
    /// # Errors
    /// [`Later`].
    pub(crate) fn raise(&self, to: &Agreed) -> Result<(), Later> {
        self.check(to)?;
        self.with(|agreed| {
            if to.version > agreed.version {
                *agreed = to.clone();
            }
        });
        Ok(())
    }

    /// Whether this release reads what was written at a version.
    ///
    /// # Errors
    /// [`Later`].
    pub(crate) fn check(&self, agreed: &Agreed) -> Result<(), Later> {
        match agreed.version > self.reads {
            false => Ok(()),
            true => Err(Later {
                agreed: agreed.clone(),
                reads: self.reads,
            }),
        }
    }

    /// Whether every member reads a command.
    ///
    /// # Errors
    /// [`ProposeError::NotYet`]; [`ProposeError::NoCommand`] for what none reads.
    pub(crate) fn pass(&self, command: &[u8]) -> Result<(), ProposeError> {
        let opened = command::open(command).map_err(|error| ProposeError::NoCommand(error.to_string()))?;
        let schema = opened.0.schema;
        let version = self.with(|agreed| agreed.version).max(FIRST);
        match schema > version {
            true => Err(ProposeError::NotYet { schema, version }),
            false => Ok(()),
        }
    }

    fn with<R>(&self, look: impl FnOnce(&mut Agreed) -> R) -> R {
        look(&mut self.agreed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(version: u16) -> Agreed {
        Agreed {
            version,
            release: format!("0.{version}.0"),
        }
    }

    fn command(schema: u8) -> [u8; 6] {
        [1, 0, 1, 0, schema, 0]
    }

    #[test]
    fn a_command_passes_once_its_version_is_agreed_on() {
        let gate = Gate::new(3);
        assert_eq!(gate.pass(&command(1)), Ok(()), "a cluster is made with these");
        let refused = ProposeError::NotYet {
            schema: 2,
            version: 1,
        };
        assert_eq!(gate.pass(&command(2)), Err(refused));
        gate.raise(&agreed(2)).unwrap();
        assert_eq!(gate.pass(&command(2)), Ok(()));
        gate.raise(&agreed(1)).unwrap();
        assert_eq!(gate.agreed(), agreed(2), "it never falls");
        assert!(matches!(gate.pass(&[1]), Err(ProposeError::NoCommand(_))));
    }

    #[test]
    fn a_later_version_names_the_release_to_run() {
        let later = Gate::new(1).raise(&agreed(2)).unwrap_err().to_string();
        assert!(later.ends_with("start release 0.2.0 or a later one"), "{later}");
    }
}
