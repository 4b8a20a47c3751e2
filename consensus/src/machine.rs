//! What a group agrees on: a state that only commands change, the same on every member.

use atp_protocol::units::UnixMillis;

use crate::command::CommandError;
use crate::version::{Agreed, Later};

/// When and where in the log a command is applied. All that a machine knows of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The entry's index.
    pub index: u64,
    /// The group's clock, in microseconds of Unix time: never back, and by a microsecond on with each entry
    /// (governance.md 1.2).
    pub now_us: u64,
}

impl Context {
    /// The group's clock in milliseconds.
    #[must_use]
    pub const fn now(&self) -> UnixMillis {
        UnixMillis(self.now_us / 1_000)
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Applied<E> {
    /// What whoever proposed it is told, encoded.
    pub reply: Vec<u8>,
    /// What else is to happen, as values.
    pub effects: Vec<E>,
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A later release wrote it.
    #[error("snapshot of format {found}, this release reads up to {known}; start a release that knows it")]
    Format {
        /// The format found.
        found: u16,
        /// The latest one known.
        known: u16,
    },
    /// The cluster agreed on a version that this release does not read.
    #[error(transparent)]
    Later(#[from] Later),
    /// Not what a snapshot of this machine looks like.
    #[error("malformed snapshot: {0}")]
    Malformed(String),
}

/// A replicated state machine.
///
/// Equal states encode to equal bytes, and the same commands give the same state, replies and effects on every member and in
/// every run: no clocks, no randomness, no order of addresses or hashes.
pub trait Machine: Send + Sync + 'static {
    /// What else is to happen when a command is applied; carried out outside.
    type Effect: Send + 'static;

    /// Which command families it takes.
    const FAMILIES: &'static [u16];

    /// The version of the cluster, where this machine keeps it.
    fn agreed(&self) -> Option<&Agreed> {
        None
    }

    /// Carries out a command. What does not fit the state is refused in the reply and changes nothing.
    ///
    /// # Errors
    /// [`CommandError`] when the bytes are not a command of this release. The state is as before, and the group must not go on:
    /// it would differ from members that know the command.
    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Applied<Self::Effect>, CommandError>;

    /// The state in pieces of at most about 1 MiB, in order.
    fn save(&self) -> Vec<Vec<u8>>;

    /// The state as saved.
    ///
    /// # Errors
    /// [`LoadError`].
    fn load(pieces: &[Vec<u8>]) -> Result<Self, LoadError>
    where
        Self: Sized;
}
