//! What members of a group say to each other. Requests and replies travel over [`Transport`](crate::transport::Transport); a version
//! byte stands before each.

mod client;
mod message;
mod server;

pub(crate) use client::{CallError, Links, Network};
pub(crate) use message::{Message, ProposeRefusal, ReadRefusal, Reply, Request};
pub(crate) use server::serve;
