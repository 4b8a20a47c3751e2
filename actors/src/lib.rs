//! Every actix actor of a node, and nothing else that is clever: what they decide is in `protocol` and `routing`.
//!
//! ```text
//!                 Registry ── publishes ──► Snapshots (policy, FIB), Directory (adapters)
//!                    ▲                              ▲ read by every request, asks nobody
//!        Report      │                              │
//!   AdapterActor ────┘      surface ── open ──► Router (one per arbiter)
//!        ▲  decides Live (atomics)                  │ starts
//!        │                                          ▼
//!        └──────────── Finished, Heed ────────── Session ── hold, settle ──► Spender ── grant, report ──► Home
//!                                                   └── Turned ──► Persona ── publishes ──► Roster, read by scoring
//! ```
//!
//! [`environment`], [`audit`], [`decided`] and [`cpu`] are the seams to the world, [`exec`] says where an actor runs, [`supervision`] restarts it.
//! Every mailbox and channel is bounded; each actor's header says what happens at the bound.
//!
//! Never here: sockets, files, TLS, configuration, decisions.

pub mod access;
pub mod adapter;
pub mod audit;
pub mod connection;
pub mod cpu;
pub mod decided;
pub mod environment;
pub mod exec;
pub mod history;
pub mod ledger;
pub mod metrics;
pub mod nonces;
pub mod owners;
pub mod persona;
pub mod registry;
pub mod scheduler;
pub mod session;
pub mod spans;
pub mod streams;
pub mod supervision;
