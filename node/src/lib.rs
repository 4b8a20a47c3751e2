//! The composition root: the only crate that knows sockets, TLS, files, environment variables and clocks.
//!
//! [`config`] becomes a running [`node`]: [`journal`]s are recovered, actors started, adapters attached ([`builtin`]s,
//! [`provider`]s, [`grpc`]), and [`server`] hands connections to arbiters where [`surfaces`] turn them into requests, in
//! the words of [`wire`]. [`auth`] and [`meta`] are what all of it agrees on, [`identity`] says who else is of the cluster,
//! [`link`] talks to them and [`gossip`] hears how they are, [`telemetry`] is what operators see, `audit` what stays on record.
//! [`relay`] carries requests to the members that own their sessions, `remote` calls to those that adapters are attached to.
//! [`log_io`] writes what members agree on, `backup` carries it to another cluster.

mod adapters;
mod audit;
pub mod auth;
mod backup;
pub mod builtin;
mod chunk;
mod claims;
pub mod cluster;

pub mod config;
pub mod cpu;
pub mod ctl;
mod decisions;
pub mod dev;
pub mod environment;
mod failover;
pub mod gossip;
pub mod grpc;
mod home;
pub mod identity;
mod joining;
pub mod journal;
pub mod link;
mod live;
pub mod log_io;
pub mod meta;
mod money;
pub mod node;
pub mod preflight;
pub mod provider;
pub mod relay;
mod remote;
pub mod secret;
pub mod server;
mod settings;
pub mod surfaces;
pub mod telemetry;
mod teller;
pub mod wire;
