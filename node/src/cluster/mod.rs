//! A node as a member of its cluster.

pub mod owners;
