//! The cluster under harm: its processes, who of them are members, and the network between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Options;
use super::api::Api;
use crate::client::Failure;
use crate::clock;
use crate::fleet::Member;
use crate::partition::{self, Board, Fault, Origins};

/// Between two looks at something that is waited for.
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// Members count from 0; their numbers in the cluster are one more.
pub(super) struct Cluster {
    pub(super) api: Api,
    pub(super) members: Vec<Member>,
    /// Where each member's link is dialled; empty for members that know each other.
    addresses: Vec<String>,
    homes: Vec<PathBuf>,
    board: Board,
    origins: Origins,
    patience: Duration,
}

impl Cluster {
    /// Nothing of it runs. Its proxies listen in the background of the `LocalSet`.
    pub(super) async fn new(options: &Options, directory: &Path) -> Result<Self> {
        let cluster = Self {
            api: Api::new(&options.template.api, &options.admin_key).await?,
            members: options.template.members(directory)?,
            addresses: options.addresses.clone(),
            homes: homes(options, directory),
            board: Board::default(),
            origins: Origins::default(),
            patience: Duration::from_secs(options.ready_seconds),
        };
        for (index, link) in options.links.iter().enumerate() {
            partition::serve(*link, index + 1, cluster.board.clone(), cluster.origins.clone()).await?;
        }
        Ok(cluster)
    }

    /// Starts the first `size` members and has the first take in the others. Returns when all are ready and vote.
    pub(super) async fn form(&mut self, size: usize) -> Result<()> {
        for member in 0..size {
            self.api.join(member);
        }
        self.start()?;
        if !self.addresses.is_empty() {
            for member in 1..size {
                self.take_in(0, member).await?;
            }
            self.is_whole().await?;
        }
        self.is_ready().await
    }

    /// Starts every member of the cluster that does not run.
    pub(super) fn start(&mut self) -> Result<()> {
        for member in self.api.members() {
            self.members[member].start()?;
            self.origins.set(member + 1, self.members[member].pid());
        }
        Ok(())
    }

    /// Undoes what was done to processes and network; members may take a while to be ready. Fails when one ended by itself.
    pub(super) fn heal(&mut self) -> Result<()> {
        self.board.heal();
        for member in &mut self.members {
            member.check()?;
            if member.pid().is_some() {
                member.thaw()?;
            }
        }
        self.start()
    }

    /// Sets `fault` for what `victim` says to `others` (1), for what it is told by them (2), or for both (3).
    pub(super) fn cut(&self, victim: usize, others: &[usize], sides: usize, fault: Fault) {
        for other in others {
            if sides & 1 != 0 {
                self.board.set(victim + 1, other + 1, fault);
            }
            if sides & 2 != 0 {
                self.board.set(other + 1, victim + 1, fault);
            }
        }
    }

    /// The members beside one.
    pub(super) fn others(&self, member: usize) -> Vec<usize> {
        let mut others = self.api.members();
        others.retain(|other| *other != member);
        others
    }

    /// The directory of a member.
    pub(super) fn home(&self, member: usize) -> Result<&Path> {
        let home = self.homes.get(member);
        home.map(PathBuf::as_path)
            .context("--home says where a member keeps its files")
    }

    /// Has a member propose that another is one.
    pub(super) async fn take_in(&mut self, asked: usize, member: usize) -> Result<()> {
        let address = self.addresses.get(member);
        let address = address.context("--address says where each member's link is")?;
        let (path, wanted) = (member_path(member), json!({ "link": address }));
        self.operate(asked, &Method::PUT, &path, &wanted).await
    }

    /// Asks for a change until it is made, or refused for good, which is an error with the status. One that is removed twice is removed.
    pub(super) async fn operate(
        &mut self,
        asked: usize,
        method: &Method,
        path: &str,
        body: &Value,
    ) -> Result<()> {
        let deadline = clock::now() + self.patience;
        loop {
            let failure = match self.api.operate(asked, method, path, body).await {
                Ok(_) => return Ok(()),
                Err(Failure::Status(404)) if method == Method::DELETE => return Ok(()),
                Err(failure) => failure,
            };
            let is_refused = matches!(failure, Failure::Status(400..=499));
            if is_refused || clock::now() > deadline {
                bail!("{method} {path} at member {}: {failure}", asked + 1);
            }
            self.check()?;
            sleep(LOOK_PERIOD).await;
        }
    }

    /// Waits until every member sees all of them, and nobody else, vote in every group.
    pub(super) async fn is_whole(&mut self) -> Result<()> {
        let members = self.api.members();
        for member in &members {
            let is_whole = |state: &Value| is_whole(state, &members);
            self.shows(*member, "all members voting in every group", is_whole)
                .await?;
        }
        Ok(())
    }

    /// Waits until `member` shows a cluster of which `wanted` is true.
    pub(super) async fn shows(
        &mut self,
        member: usize,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let deadline = clock::now() + self.patience;
        loop {
            let state = self.state(member).await;
            if state.as_ref().is_ok_and(&wanted) {
                return Ok(());
            }
            self.check()?;
            if clock::now() > deadline {
                let seen = state.map_or_else(|error| error.to_string(), |state| state.to_string());
                bail!("member {} does not show {what} in time: {seen}", member + 1);
            }
            sleep(LOOK_PERIOD).await;
        }
    }

    /// What a member knows of the cluster.
    pub(super) async fn state(&self, member: usize) -> Result<Value> {
        let state = self.api.get(member, "/v1/admin/cluster").await;
        state.map_err(|failure| anyhow!("{failure}"))
    }

    /// Waits until every member is ready.
    pub(super) async fn is_ready(&mut self) -> Result<()> {
        let deadline = clock::now() + self.patience;
        for member in self.api.members() {
            while let Err(failure) = self.api.get(member, "/readyz").await {
                self.check()?;
                if clock::now() > deadline {
                    bail!("member {} is not ready in time: {failure}", member + 1);
                }
                sleep(LOOK_PERIOD).await;
            }
        }
        Ok(())
    }

    /// Fails when a member has ended by itself.
    fn check(&mut self) -> Result<()> {
        self.members.iter_mut().try_for_each(Member::check)
    }
}

/// Where a member of the cluster is asked for by its number.
pub(super) fn member_path(member: usize) -> String {
    format!("/v1/admin/cluster/members/{}", member + 1)
}

fn homes(options: &Options, directory: &Path) -> Vec<PathBuf> {
    let Some(home) = &options.schedule.home else {
        return Vec::new();
    };
    let home = home.replace("{dir}", &directory.display().to_string());
    let home = |n: usize| PathBuf::from(home.replace("{n}", &n.to_string()));
    (1..=options.template.api.len()).map(home).collect()
}

fn is_whole(state: &Value, wanted: &[usize]) -> bool {
    let numbers = |members: &Value| -> Vec<usize> {
        let members = members.as_array().into_iter().flatten();
        let number = |member: &Value| usize::try_from(member["node"].as_u64()?).ok();
        let mut numbers: Vec<usize> = members.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    };
    let wanted: Vec<usize> = wanted.iter().map(|member| member + 1).collect();
    let votes = |group: &Value| {
        let members = group["members"].as_array();
        let all = members.is_some_and(|all| all.iter().all(|member| member["voter"] == true));
        all && group["leader"].is_u64() && numbers(&group["members"]) == wanted
    };
    let groups = state["groups"].as_array();
    numbers(&state["members"]) == wanted && groups.is_some_and(|groups| groups.iter().all(votes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_whole_when_exactly_its_members_vote_everywhere() {
        let voter = |node: u64, voter: bool| json!({ "node": node, "voter": voter });
        let state = |second: bool| {
            let group = json!({ "leader": 1, "members": [voter(3, second), voter(1, true)] });
            json!({ "members": [{ "node": 1 }, { "node": 3 }], "groups": [group] })
        };
        assert!(is_whole(&state(true), &[0, 2]));
        assert!(!is_whole(&state(false), &[0, 2]));
        assert!(!is_whole(&state(true), &[0, 1]));
        assert!(!is_whole(&state(true), &[0, 1, 2]));
    }
}
