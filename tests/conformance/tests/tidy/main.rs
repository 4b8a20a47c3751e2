//! House rules that a linter lacks, as tests over the sources and `cargo metadata`.
//!
//! [`workspace`] and [`source`] read what the rules are about; each other module is a set of rules. A rule that has
//! exceptions lists them with the reason, and an exception that is needed no longer fails as well.

mod arrows;
mod configuration;
mod dependencies;
mod documents;
mod files;
mod leftovers;
mod licences;
mod source;
mod workspace;
