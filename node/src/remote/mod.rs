//! Adapters that are attached to another node (docs/adr/0013, design D10).
//!
//! 1. [`publish`] tells the cluster what is attached here, [`follow`] registers here what is attached elsewhere.
//! 2. [`RemoteAdapter`](adapter::RemoteAdapter) calls there; [`serve`] answers such calls, from what is attached to this node only, so that
//!    a call crosses one link at most.
//! 3. [`choice`] says at which node, where several have the adapter, by what [`reach`] knows of them.
//! 4. [`v1`] is what they say to each other, a stream of [`frames`] for each question; [`lanes`] opens it on the caller's own thread.
//!
//! Bounds: a frame's two parts have at most [`PART_MAX`](frames::PART_MAX) bytes each, more ends the call; events come under the link's
//! credit, so whoever stops reading stops the adapter. An adapter that says more of itself than the cluster keeps is called from its own
//! node only. What a node registers counts against its own bounds of adapters; what is over them is not routed to from there.
//!
//! A call is carried once: when its link is lost it fails, and its session goes to somebody else. Questions of an adapter travel like
//! everything it says; no surface has an answer for them yet to carry back.

mod adapter;
mod choice;
mod follow;
mod frames;
mod lanes;
mod publish;
mod reach;
mod serve;
#[cfg(test)]
mod tests;
mod v1;

pub(crate) use follow::follow;
pub(crate) use lanes::Lanes;
pub(crate) use publish::publish;
pub(crate) use serve::serve;
