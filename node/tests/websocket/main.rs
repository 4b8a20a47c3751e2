//! ATP over WebSocket, as a client and as an agent see it: a node in this process, plain sockets at the other end.

mod agents;
mod declarations;
mod dialects;
mod encodings;
mod estimates;
mod faults;
mod fixture;
mod greeting;
mod leaving;
mod metrics;
mod pacing;
mod requests;
mod resumption;
mod spans;
mod tenants;
