//! From a command's bytes to the handler that carries it out: one table for each machine.

use atp_protocol::encoding;

use crate::command::{self, Body, CommandError, Tag};
use crate::machine::{Applied, Context};

/// Carries out one kind of command on a state `S`.
pub(crate) trait Handler<S, E>: Body {
    /// Changes the state, or says in the reply why not and leaves it as it is.
    fn apply(self, context: &Context, state: &mut S, effects: &mut Vec<E>) -> Self::Reply;
}

type Run<S, E> = fn(&Context, &mut S, &[u8]) -> Result<Applied<E>, CommandError>;

/// A line of a machine's table.
pub(crate) struct Entry<S, E> {
    tag: Tag,
    run: Run<S, E>,
}

/// The line of command `C`.
pub(crate) const fn entry<C: Handler<S, E>, S, E>() -> Entry<S, E> {
    Entry {
        tag: C::TAG,
        run: run::<C, S, E>,
    }
}

/// Carries out a command by the table.
///
/// # Errors
/// [`CommandError`] for what is not in the table or not the encoding of what it says it is; the state is as before.
pub(crate) fn dispatch<S, E>(
    table: &[Entry<S, E>],
    context: &Context,
    state: &mut S,
    command: &[u8],
) -> Result<Applied<E>, CommandError> {
    let (tag, body) = command::open(command)?;
    let entry = table.iter().find(|entry| entry.tag == tag);
    let entry = entry.ok_or(CommandError::Unknown(tag))?;
    (entry.run)(context, state, body)
}

fn run<C: Handler<S, E>, S, E>(
    context: &Context,
    state: &mut S,
    body: &[u8],
) -> Result<Applied<E>, CommandError> {
    let command: C = command::body(body)?;
    let mut effects = Vec::new();
    let answer = command.apply(context, state, &mut effects);
    let mut reply = Vec::new();
    encoding::encode_into(&answer, &mut reply)
        .expect("what a machine keeps, and so says, is bounded far below the limit of the encoding");
    Ok(Applied { reply, effects })
}
