//! `atpctl cluster init|join`: works on files, with the authority that the operator keeps (docs/adr/0011-cluster-identity.md).

use std::error::Error;
use std::path::Path;

use atp_actors::environment::{Clock, Random};
use serde_json::json;

use crate::identity::{Authority, DirectoryError, LIFETIME_DAYS, Membership};

use super::args::{Cluster, Join};
use super::{Failure, Screen};

/// What works on files; `None` for what asks a node.
pub(super) fn run(
    screen: &mut Screen,
    command: &Cluster,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Option<Result<(), Failure>> {
    Some(match command {
        Cluster::Init {
            dir,
            name,
            journals,
            first,
        } => {
            let authority = Authority::create(dir, name, *journals, *first, random).map_err(told);
            authority.and_then(|authority| made(screen, dir, &authority))
        }
        Cluster::Join(join) => issue(screen, join, clock),
        _ => return None,
    })
}

fn made(screen: &mut Screen, dir: &Path, authority: &Authority) -> Result<(), Failure> {
    let cluster = authority.cluster();
    if screen.is_json {
        return screen.json(&json!({
            "cluster": cluster.id,
            "name": cluster.name,
            "journals": cluster.journals,
            "first": cluster.first,
            "dir": dir,
        }));
    }
    screen.line(&format!(
        "cluster {} ({}), {} journals, first node {}",
        cluster.name, cluster.id, cluster.journals, cluster.first
    ))?;
    screen.aside(&format!(
        "keep {} off the nodes and in a backup: whoever has it can make members",
        dir.display()
    ))
}

fn issue(screen: &mut Screen, join: &Join, clock: &dyn Clock) -> Result<(), Failure> {
    let authority = Authority::open(&join.dir).map_err(told)?;
    let member = Membership {
        cluster: authority.cluster().clone(),
        node: join.node,
        address: join.address.clone(),
    };
    let issued = authority.issue(&member, &join.out, clock.unix()).map_err(told)?;
    if screen.is_json {
        return screen.json(&json!({
            "cluster": member.cluster.id,
            "node": member.node,
            "address": member.address,
            "expires_at_ms": issued.end.0,
            "renewed": issued.is_renewal,
            "out": join.out,
        }));
    }
    screen.line(&format!(
        "{} node {} of cluster {}, valid for {LIFETIME_DAYS} days",
        if issued.is_renewal { "renewed" } else { "issued" },
        member.node,
        member.cluster.name
    ))
}

/// The whole chain of reasons on one line, as nobody else walks it.
fn told(error: DirectoryError) -> Failure {
    let mut told = error.to_string();
    let mut reason = error.source();
    while let Some(next) = reason {
        told.push_str(&format!(": {next}"));
        reason = next.source();
    }
    Failure::Verdict(told)
}
