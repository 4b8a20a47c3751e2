//! Names twice in one object.

use std::borrow::Cow;

use super::{Malformed, Value};

/// Below this many members comparing all pairs is quicker than sorting; frames have about fifteen.
const PAIRWISE_MAX: usize = 24;

/// Refuses an object that names a member twice.
pub(super) fn refuse(members: &[(Cow<'_, str>, Value<'_>)]) -> Result<(), Malformed> {
    let twice = if members.len() <= PAIRWISE_MAX {
        pairwise(members)
    } else {
        sorted(members)
    };
    twice.map_or(Ok(()), |name| {
        Err(Malformed::Duplicate {
            name: name.chars().take(64).collect(),
        })
    })
}

fn pairwise<'m>(members: &'m [(Cow<'_, str>, Value<'_>)]) -> Option<&'m str> {
    members.iter().enumerate().find_map(|(at, (name, _))| {
        members[..at]
            .iter()
            .any(|(earlier, _)| earlier == name)
            .then_some(name.as_ref())
    })
}

fn sorted<'m>(members: &'m [(Cow<'_, str>, Value<'_>)]) -> Option<&'m str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names
        .windows(2)
        .find_map(|pair| (pair[0] == pair[1]).then_some(pair[0]))
}
