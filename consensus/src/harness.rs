//! Machines under test: commands in, replies and effects out, and what every machine must keep.

use std::fmt::Debug;
use std::fmt::Write as _;

use atp_protocol::encoding;

use crate::command::{self, Body, CommandError};
use crate::machine::{Context, LoadError, Machine};
use crate::pieces::Writer;

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

/// A machine's format does not change: `commands`, one of each in the order of its table, and the snapshot of `full`, a state with a
/// row of each kind, are the bytes of `golden`; and they are read.
pub(crate) fn check_format<M>(commands: &[Vec<u8>], mut log: Log<M>, full: &Log<M>, golden: &str)
where
    M: Machine + Default + Clone + PartialEq + Debug,
{
    let named = commands
        .iter()
        .map(|bytes| (command::open(bytes).unwrap().0.to_string(), bytes));
    let pieces = full.machine.save();
    let snapshot = pieces.iter().map(|piece| ("snapshot".to_owned(), piece));
    let text = lines(named.chain(snapshot));
    assert!(text == golden, "{text}");
    for bytes in commands {
        log.apply(bytes).unwrap();
    }
    assert_eq!(full.reloaded(), *full);
}

/// Every command of a machine has a number of its own.
pub(crate) fn check_numbers(commands: &[Vec<u8>], table: usize) {
    let tags: Vec<_> = commands
        .iter()
        .map(|bytes| command::open(bytes).unwrap().0)
        .collect();
    assert_eq!(tags.len(), table);
    assert!(tags.windows(2).all(|pair| pair[0] < pair[1]), "{tags:?}");
}

/// Nothing that a later release wrote into a snapshot is passed over.
pub(crate) fn check_refuses_later<M: Machine + Debug>(machine: &M) {
    let mut pieces = machine.save();
    pieces[0][0] = 2;
    let later = M::load(&pieces);
    assert!(
        matches!(later, Err(LoadError::Format { found: 2, known: 1 })),
        "{later:?}"
    );
    let mut writer = Writer::new(1);
    writer.put(250, &());
    let unknown = M::load(&writer.finish());
    assert!(matches!(unknown, Err(LoadError::Malformed(_))), "{unknown:?}");
}

/// Samples as text, a line each: what it is, then the bytes.
fn lines<'a>(samples: impl IntoIterator<Item = (String, &'a Vec<u8>)>) -> String {
    let mut text = String::new();
    for (name, bytes) in samples {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name} {hex}").unwrap();
    }
    text
}
