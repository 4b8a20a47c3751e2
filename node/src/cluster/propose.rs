//! Proposals with their types.

use std::time::Duration;

use atp_consensus::command::{self, Body};
use atp_consensus::group::Group;
use atp_consensus::machine::Machine;
use atp_protocol::encoding;
use atp_protocol::error::{Code, Fault};

use super::{PATIENCE, fault};

/// Has a command applied and returns its reply, once this node has applied it too: what is read here next shows it.
///
/// # Errors
/// Of the group (`no-quorum`, `outcome-unknown`); `ETOOBIG` for a command over its bound.
pub(crate) async fn propose<M: Machine, B: Body>(group: &Group<M>, body: &B) -> Result<B::Reply, Fault> {
    let (index, reply) = propose_within(group, body, PATIENCE).await?;
    group
        .wait_applied(index, PATIENCE)
        .await
        .map_err(|error| fault::read(&error))?;
    Ok(reply)
}

/// As [`propose`], within a time of the caller's, and without waiting for this node: returns the index too.
pub(crate) async fn propose_within<M: Machine, B: Body>(
    group: &Group<M>,
    body: &B,
    within: Duration,
) -> Result<(u64, B::Reply), Fault> {
    let command = command::encode(body).map_err(|error| Fault::new(Code::TooBig, error.to_string()))?;
    let proposed = group
        .propose(command, within)
        .await
        .map_err(|error| fault::propose(&error))?;
    let reply = encoding::decode(&proposed.reply).map_err(|error| {
        let why = format!("the group's reply cannot be read: {error}; are all nodes of one release?");
        Fault::new(Code::Internal, why).terminal()
    })?;
    Ok((proposed.index, reply))
}
