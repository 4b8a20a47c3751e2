//! Members come and go: the cluster grows by a node that never was one, and shrinks by one that is drained before.
//!
//! A number is never used again, so a machine that comes back is the next number with a directory of its own.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::cluster::{Cluster, member_path};
use super::report::Notes;
use crate::clock;
use crate::seed::Seed;

/// Adds a node, drains one of the others for at most `drained`, and removes it. Ends with as many members as before.
pub(super) async fn change(
    cluster: &mut Cluster,
    drained: Duration,
    notes: &Notes,
    seed: &mut Seed,
) -> Result<()> {
    let members = cluster.api.members();
    let last = members.last().context("a cluster has members")?;
    let fresh = last + 1;
    ensure!(
        fresh < cluster.members.len(),
        "no number is left; name more members in --api"
    );
    let asked = cluster.api.any(seed);
    cluster.api.join(fresh);
    cluster.start()?;
    let begun = clock::now();
    cluster.take_in(asked, fresh).await?;
    cluster.is_whole().await?;
    cluster.is_ready().await?;
    notes.count("members added");
    notes.longest("ms until a member voted at the longest", clock::now() - begun);

    let leaving = members[seed.below(members.len())];
    let others = cluster.others(leaving);
    let asked = others[seed.below(others.len())];
    let path = member_path(leaving);
    let begun = clock::now();
    let wish = json!({ "draining": true });
    cluster
        .operate(asked, &Method::PUT, &format!("{path}/drain"), &wish)
        .await?;
    let is_idle = |state: &Value| is_idle(state, leaving);
    let drained = timeout(drained, cluster.shows(asked, "a drained member", is_idle)).await;
    match drained {
        Ok(done) => {
            done?;
            notes.count("members drained to the end");
            notes.longest(
                "ms until a member was drained at the longest",
                clock::now() - begun,
            );
        }
        Err(_) => notes.count("members removed before they were drained"),
    }
    cluster.api.leave(leaving);
    cluster
        .operate(asked, &Method::DELETE, &path, &Value::Null)
        .await?;
    cluster.is_whole().await?;
    cluster.members[leaving].kill()?;
    notes.count("members removed");
    Ok(())
}

/// Whether a member leads nothing and runs no stream.
fn is_idle(state: &Value, member: usize) -> bool {
    let number = member as u64 + 1;
    let mut members = state["members"].as_array().into_iter().flatten();
    let found = members.find(|member| member["node"] == number);
    found.is_some_and(|member| member["leads"] == 0 && member["standing"]["streams"] == 0)
}
