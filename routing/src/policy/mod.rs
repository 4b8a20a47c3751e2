//! Policy documents: read, linted, matched (routing.md 3.1).
//!
//! A document has tables of models, agents, personas and policies, and declares attributes, weights and limits per tier.
//! It is read once into a [`PolicySet`]; every mistake is a [`Lint`] with line and column, and one error rejects the
//! whole document. [`PolicyStore`] keeps the set in force and falls back to it when a bad one is offered. For a request,
//! [`PolicySet::select`] gives exactly one policy and the step that decided.
//!
//! Bounds: 1 MiB of text, 10 000 policies, 50 000 agents, 5 000 models, globs of 256 bytes, 100 lints; beyond each the
//! document is rejected, beyond the last the rest is counted.

mod agent;
mod attributes;
mod blocks;
mod clause;
mod constraints;
mod document;
mod entry;
mod fields;
mod glob;
mod grade;
mod lint;
mod model;
mod overlap;
mod persona;
mod set;
mod store;
mod tenant;
mod trigger;
mod weights;
mod yaml;

#[cfg(test)]
mod tests;

pub use agent::Agent;
pub use attributes::Attributes;
pub use blocks::{ESCALATION_DEPTH_MAX, Escalation, Provisional, Relaxation, Thresholds};
pub use constraints::Constraints;
pub use document::{AGENTS_MAX, DOCUMENT_LEN_MAX, MODELS_MAX, POLICIES_MAX};
pub use entry::{Objective, OnSpike, Policy};
pub use glob::{Glob, GlobError};
pub use grade::{Lifecycle, SafetyGrade};
pub use lint::{Lint, Severity};
pub use model::{Model, USD_PER_1K_MAX, price_per_1k};
pub use persona::Persona;
pub use set::{Matched, PolicySet, Why};
pub use store::{Loaded, PolicyStore, SafeMode};
pub use trigger::Trigger;
pub use weights::{FANOUT_MAX, FanoutCaps, Weights};
