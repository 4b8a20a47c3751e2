//! A machine that a group keeps, with those who read it and those who are told what it did.

use std::sync::{Arc, PoisonError, RwLock};

use serde_bytes::ByteBuf;
use tokio::sync::watch;

use crate::command::CommandError;
use crate::machine::{Context, LoadError, Machine};
use crate::version::Gate;

/// What applying an entry asks for, beyond replies.
#[derive(Debug)]
pub struct Applied<E> {
    /// The entry's index.
    pub index: u64,
    /// Whether this node leads the group. It may have just ceased to: whoever must be the leader for what it does asks the group
    /// itself, and derives what is to be done from the state when it begins to lead (docs/adr/0009).
    pub leads: bool,
    /// In the order of the commands.
    pub effects: Vec<E>,
}

/// Who is told what was applied: in order; it must return at once. Told again after a restart, from the last snapshot on, and without
/// effects when a snapshot replaced the state: whatever is derived from it must then be looked at as a whole.
pub type Subscriber<E> = Box<dyn Fn(Applied<E>) + Send + Sync>;

/// The machine of a group.
pub(crate) struct Host<M: Machine> {
    machine: RwLock<M>,
    applied: watch::Sender<u64>,
    subscriber: Subscriber<M::Effect>,
    gate: Gate,
}

impl<M: Machine> Host<M> {
    pub(crate) fn new(machine: M, subscriber: Subscriber<M::Effect>, gate: Gate) -> Self {
        Self {
            machine: RwLock::new(machine),
            applied: watch::Sender::new(0),
            subscriber,
            gate,
        }
    }

    /// Looks at the state. Short, as the group applies nothing meanwhile.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        // A reader that panicked changed nothing; a machine does not panic.
        look(&self.machine.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A machine without its type, so that openraft is compiled once for all.
pub(crate) trait Hosted: Send + Sync {
    /// Applies the commands of an entry, each a microsecond after the last or when it was proposed, whichever is later. Returns the
    /// replies and the group's clock after the last command.
    fn apply(&self, entry: &EntryCommands<'_>) -> Result<(Vec<ByteBuf>, u64), CommandError>;

    /// Says that all up to an index is applied.
    fn applied(&self, index: u64);

    /// Follows the index of what is applied.
    fn watch(&self) -> watch::Receiver<u64>;

    /// The state in pieces.
    fn save(&self) -> Vec<Vec<u8>>;

    /// Replaces the state by what was saved at an index, and tells so without effects.
    fn load(&self, index: u64, pieces: &[Vec<u8>]) -> Result<(), LoadError>;
}

/// An entry with commands.
pub(crate) struct EntryCommands<'a> {
    pub(crate) index: u64,
    /// The group's clock before it.
    pub(crate) clock_us: u64,
    pub(crate) proposed_at_us: u64,
    pub(crate) commands: &'a [ByteBuf],
    pub(crate) leads: bool,
}

impl<M: Machine> Hosted for Host<M> {
    fn apply(&self, entry: &EntryCommands<'_>) -> Result<(Vec<ByteBuf>, u64), CommandError> {
        let mut machine = self.machine.write().unwrap_or_else(PoisonError::into_inner);
        let mut now_us = entry.clock_us;
        let mut replies = Vec::with_capacity(entry.commands.len());
        let mut effects = Vec::new();
        for command in entry.commands {
            now_us = now_us.saturating_add(1).max(entry.proposed_at_us);
            let context = Context {
                index: entry.index,
                now_us,
            };
            let applied = machine.apply(&context, command)?;
            machine
                .agreed()
                .map_or(Ok(()), |agreed| self.gate.raise(agreed))?;
            replies.push(ByteBuf::from(applied.reply));
            effects.extend(applied.effects);
        }
        drop(machine);
        if !effects.is_empty() {
            (self.subscriber)(Applied {
                index: entry.index,
                leads: entry.leads,
                effects,
            });
        }
        Ok((replies, now_us))
    }

    fn applied(&self, index: u64) {
        self.applied.send_replace(index);
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    fn save(&self) -> Vec<Vec<u8>> {
        self.read(Machine::save)
    }

    fn load(&self, index: u64, pieces: &[Vec<u8>]) -> Result<(), LoadError> {
        let loaded = M::load(pieces)?;
        loaded.agreed().map_or(Ok(()), |agreed| self.gate.raise(agreed))?;
        *self.machine.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        (self.subscriber)(Applied {
            index,
            leads: false,
            effects: Vec::new(),
        });
        Ok(())
    }
}

/// The machine of a group, whatever it is.
pub(crate) type AnyHost = Arc<dyn Hosted>;
