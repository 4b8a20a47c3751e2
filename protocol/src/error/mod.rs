//! The closed set of error codes and the one table every surface's error body is made from (atp.md section 15, design D3).
//!
//! A [`Fault`] is one occurrence; [`Code::row`] what is fixed about its code. From both come [`Fault::problem`] (native
//! HTTP), [`Fault::openai`] and [`Fault::anthropic`], [`Fault::control_error`] (the wire) and the MCP code of the row.
//! Details are cut at 200 bytes; those of 401 and 403 never leave the node.

mod code;
mod control;
mod fault;
mod grpc;
mod legacy;
mod problem;
mod provider;
mod record;
mod retry;
mod table;

pub use code::Code;
pub use control::{ControlError, Location, MISSING_MAX};
pub use fault::{DETAIL_MAX, Fault, Scope};
pub use legacy::{Presumption, presume};
pub use problem::{PROBLEM_JSON, Problem};
pub use provider::{AnthropicBody, AnthropicError, Extension, OpenAiBody, OpenAiError};
pub use record::FaultRecord;
pub use retry::RetryPolicy;
pub use table::{McpCode, Retry, Row, StreamAction};
