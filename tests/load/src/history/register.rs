//! One value that is written, read and compared.

use super::Model;

/// A register that holds nothing at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Register;

/// What is done to a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterOp {
    /// Writes this value.
    Put(u64),
    /// Read this value; `None` when there was none.
    Get(Option<u64>),
    /// Writes `to` if the value is `from`.
    Swap {
        /// What must be there.
        from: Option<u64>,
        /// What is written.
        to: u64,
        /// Whether it was answered that it was; `None` without an answer.
        done: Option<bool>,
    },
}

impl Model for Register {
    type State = Option<u64>;
    type Op = RegisterOp;

    fn initial(&self) -> Option<u64> {
        None
    }

    fn step(&self, state: &Option<u64>, op: &RegisterOp) -> Option<Option<u64>> {
        match op {
            RegisterOp::Put(value) => Some(Some(*value)),
            RegisterOp::Get(value) => (value == state).then_some(*state),
            RegisterOp::Swap { from, to, done } => {
                let matches = from == state;
                let allowed = done.is_none_or(|done| done == matches);
                allowed.then_some(if matches { Some(*to) } else { *state })
            }
        }
    }
}
