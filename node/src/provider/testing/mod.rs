//! What provider tests share: an upstream that plays a script, and calls to run against it.

mod fixture;
mod upstream;

pub(super) use fixture::{build, call, clock, run, settings};
pub(super) use upstream::{Script, Upstream};
