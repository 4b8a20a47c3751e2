//! Machines under test: commands in, replies and effects out, and what every machine must keep.

use std::fmt::Debug;
use std::fmt::Write as _;

use atp_protocol::encoding;

use crate::command::{self, Body, CommandError};
use crate::machine::{Context, Machine};

/// The time of the first entry, in microseconds.
pub(crate) const BEGINNING_US: u64 = 1_800_000_000_000_000;

/// A machine and where its log stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log<M> {
    pub(crate) machine: M,
    pub(crate) index: u64,
    pub(crate) now_us: u64,
}

impl<M: Machine + Default + Clone + PartialEq + Debug> Log<M> {
    pub(crate) fn new() -> Self {
        Self {
            machine: M::default(),
            index: 0,
            now_us: BEGINNING_US,
        }
    }

    /// The group's clock goes on.
    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.now_us += ms * 1_000;
    }

    /// Applies the next entry.
    pub(crate) fn apply(&mut self, bytes: &[u8]) -> Result<(Vec<u8>, Vec<M::Effect>), CommandError> {
        self.index += 1;
        self.now_us += 1;
        let context = Context {
            index: self.index,
            now_us: self.now_us,
        };
        let applied = self.machine.apply(&context, bytes)?;
        Ok((applied.reply, applied.effects))
    }

    pub(crate) fn propose<B: Body>(&mut self, command: &B) -> B::Reply {
        self.observe(command).0
    }

    /// The reply and the effects.
    pub(crate) fn observe<B: Body>(&mut self, command: &B) -> (B::Reply, Vec<M::Effect>) {
        let bytes = command::encode(command).unwrap();
        let (reply, effects) = self.apply(&bytes).unwrap();
        (encoding::decode(&reply).unwrap(), effects)
    }

    /// The machine as another member has it, who got a snapshot.
    pub(crate) fn reloaded(&self) -> Self {
        Self {
            machine: M::load(&self.machine.save()).unwrap(),
            ..self.clone()
        }
    }
}

/// The same commands give the same state, replies and bytes, on a member that was there from the start and on one that got a
/// snapshot after `snapshot_at` of them.
pub(crate) fn check_replicas<M>(commands: &[Vec<u8>], snapshot_at: usize, pass_ms: u64)
where
    M: Machine + Default + Clone + PartialEq + Debug,
    M::Effect: Debug,
{
    let mut first = Log::<M>::new();
    let mut second = Log::<M>::new();
    for (at, bytes) in commands.iter().enumerate() {
        if at == snapshot_at {
            second = second.reloaded();
            assert_eq!(first, second, "a loaded state is the saved one");
        }
        first.pass_ms(pass_ms);
        second.pass_ms(pass_ms);
        let replies = [&mut first, &mut second].map(|log| format!("{:?}", log.apply(bytes)));
        assert_eq!(replies[0], replies[1]);
    }
    assert_eq!(first, second);
    assert_eq!(first.machine.save(), second.machine.save());
    assert_eq!(first.machine.save(), first.reloaded().machine.save());
}

/// Bytes that are no command leave the state as it was.
pub(crate) fn check_refuses<M>(log: &mut Log<M>, bytes: &[u8])
where
    M: Machine + Default + Clone + PartialEq + Debug,
{
    let before = log.machine.clone();
    if log.apply(bytes).is_err() {
        assert_eq!(before, log.machine);
    }
}

/// Samples as text, a line each: what it is, then the bytes.
pub(crate) fn golden<'a>(samples: impl IntoIterator<Item = (String, &'a [u8])>) -> String {
    let mut text = String::new();
    for (name, bytes) in samples {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name} {hex}").unwrap();
    }
    text
}
