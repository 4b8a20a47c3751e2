//! Raft's way to other members.

use std::time::Duration;

use atp_consensus::transport::{Lane, Transport, Unreachable};
use atp_protocol::cluster::NodeId;
use atp_protocol::link;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::link::{Known, Link, LinkError};

/// Over the link.
pub struct OverLink(pub Link);

impl Transport for OverLink {
    fn call(
        &self,
        to: NodeId,
        lane: Lane,
        request: Vec<u8>,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Unreachable>> {
        let link = self.0.clone();
        let lane = match lane {
            Lane::Control => link::Lane::Control,
            Lane::Bulk => link::Lane::Bulk,
        };
        async move {
            let answer = link
                .call(to, lane, Known::Groups.number(), request, deadline)
                .await;
            answer.map(Vec::from).map_err(|error| match error {
                LinkError::Unreachable | LinkError::Overloaded => Unreachable::NotConnected(to),
                LinkError::Refused { .. }
                | LinkError::DeadlineExceeded
                | LinkError::Cancelled
                | LinkError::Lost => Unreachable::NoAnswer(to),
            })
        }
        .boxed()
    }
}

/// Reaches nobody: for a node by itself.
pub(super) struct Nobody;

impl Transport for Nobody {
    fn call(
        &self,
        to: NodeId,
        _: Lane,
        _: Vec<u8>,
        _: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Unreachable>> {
        ready(Err(Unreachable::NotConnected(to))).boxed()
    }
}
