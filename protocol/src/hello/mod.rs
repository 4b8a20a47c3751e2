//! Agreeing on what a connection may use (atp.md section 8).

mod shape;

pub use shape::{Features, Hello, HelloAck, Role, Sdk};
