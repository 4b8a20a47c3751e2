//! The rules, one file per family.
//!
//! A family is a `RULES` table of [`Rule`]s and nothing else, but for what a secret looks like.
//! Keys are `code.vuln.…` for what an attacker can use, `code.bug.…` for what goes wrong by itself, `code.quality.…` for
//! what makes either likely.

mod access;
mod commands;
mod configuration;
mod cryptography;
mod debugging;
mod deserialisation;
mod errors;
mod logic;
mod markup;
mod paths;
mod requests;
mod resources;
mod secrets;
mod sql;
mod tokens;
mod transport;

use super::rule::Rule;

/// Every rule, in a fixed order.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        secrets::RULES,
        tokens::RULES,
        access::RULES,
        sql::RULES,
        commands::RULES,
        markup::RULES,
        paths::RULES,
        requests::RULES,
        deserialisation::RULES,
        transport::RULES,
        cryptography::RULES,
        configuration::RULES,
        errors::RULES,
        resources::RULES,
        logic::RULES,
        debugging::RULES,
    ]
    .into_iter()
    .flatten()
}
