//! The closed set of error codes and the one table every surface's error body is made from (atp.md section 15, design D3).

mod code;
mod fault;

pub use code::Code;
pub use fault::{Fault, Scope};
