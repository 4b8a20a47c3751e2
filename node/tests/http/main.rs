//! The HTTP surface as a client sees it: a node in this process with its built-in adapters, plain HTTP at the other end.

mod bodies;
mod catalogue;
mod credentials;
mod deadlines;
mod demands;
mod failures;
mod fixture;
mod metrics;
mod operators;
mod personas;
mod repeats;
mod streams;
