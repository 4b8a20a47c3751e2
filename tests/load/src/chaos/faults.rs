//! What is done to the cluster, in an order that the seed decides. At most one member suffers at a time, but for a restart of all.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::cluster::Cluster;
use super::report::Notes;
use super::{clocks, disk, membership};
use crate::clock;
use crate::partition::Fault;
use crate::seed::Seed;

/// How long a killed member stays down.
const DOWN: Duration = Duration::from_millis(500);

/// A kind of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Harm {
    /// `kill -9` and a start, each member in turn
    Kill,
    /// `kill -9` of all members, and a start of all
    Restart,
    /// SIGSTOP for longer than any timeout, then SIGCONT
    Freeze,
    /// What a member says, or what it is told, or both, does not arrive: at all others, or at one of them
    Partition,
    /// What a member says and is told arrives late
    Delay,
    /// The disk of a member is full
    Fill,
    /// Clocks jump, and are up to 4 s apart
    Skew,
    /// A node joins, and one is drained and removed
    Members,
}

/// When and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Schedule {
    /// What is done
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Harm::Kill])]
    pub harm: Vec<Harm>,
    /// From one harm to the next, in milliseconds
    #[arg(long, default_value_t = 2000)]
    pub every_ms: u64,
    /// How long a member is frozen, cut off or without disk, in milliseconds
    #[arg(long, default_value_t = 12_000)]
    pub lasting_ms: u64,
    /// Directory of member {n}, below `{dir}` maybe: its `data` is filled, and libfaketime reads its `clock`
    #[arg(long)]
    pub home: Option<String>,
}

/// Does harm until it is dropped, which may leave some. Fails when a member ends by itself, or one does not recover.
pub(super) async fn suffer(
    cluster: &mut Cluster,
    schedule: &Schedule,
    notes: &Notes,
    seed: &mut Seed,
) -> Result<()> {
    for turn in 0.. {
        sleep(Duration::from_millis(schedule.every_ms)).await;
        let members = cluster.api.members();
        let victim = members[turn % members.len()];
        let harm = schedule.harm[seed.below(schedule.harm.len())];
        inflict(cluster, harm, victim, schedule, notes, seed).await?;
        cluster.heal()?;
        // A member that is killed every so often need not be ready before the next.
        if harm != Harm::Kill {
            let healed = clock::now();
            cluster.is_ready().await?;
            notes.longest("ms until all were ready at the longest", clock::now() - healed);
        }
    }
    Ok(())
}

async fn inflict(
    cluster: &mut Cluster,
    harm: Harm,
    victim: usize,
    schedule: &Schedule,
    notes: &Notes,
    seed: &mut Seed,
) -> Result<()> {
    let lasting = Duration::from_millis(schedule.lasting_ms);
    match harm {
        Harm::Kill => {
            notes.count("kills");
            cluster.members[victim].kill()?;
            sleep(DOWN).await;
        }
        Harm::Restart => {
            notes.count("restarts of all");
            for member in cluster.api.members() {
                cluster.members[member].kill()?;
            }
        }
        Harm::Freeze => {
            notes.count("freezes");
            cluster.members[victim].freeze()?;
            sleep(lasting).await;
        }
        Harm::Partition => {
            partition(cluster, victim, notes, seed).await;
            sleep(lasting).await;
        }
        Harm::Delay => {
            notes.count("delays");
            let (by, jitter) = (Duration::from_millis(100), Duration::from_millis(90));
            cluster.cut(victim, &cluster.others(victim), 3, Fault::Delay { by, jitter });
            sleep(lasting).await;
        }
        Harm::Fill => {
            notes.count("full disks");
            let ballast = disk::fill(&cluster.home(victim)?.join("data"))?;
            sleep(lasting).await;
            drop(ballast);
        }
        Harm::Skew => {
            notes.count("jumps of clocks");
            clocks::jump(cluster, seed)?;
            sleep(lasting).await;
        }
        Harm::Members => membership::change(cluster, lasting, notes, seed).await?,
    }
    Ok(())
}

/// Cuts off `victim`, or whoever leads a group: from all others or from one, in one direction or in both.
async fn partition(cluster: &Cluster, victim: usize, notes: &Notes, seed: &mut Seed) {
    let victim = match seed.below(3) {
        0 => victim,
        kind => {
            let leader = leader(cluster, kind == 1, seed).await;
            notes.count(match (leader, kind) {
                (None, _) => "partitions of nobody in particular",
                (Some(_), 1) => "partitions of the leader of meta",
                (Some(_), _) => "partitions of the leader of a journal",
            });
            leader.unwrap_or(victim)
        }
    };
    let mut others = cluster.others(victim);
    if seed.below(3) == 0 {
        others = vec![others[seed.below(others.len())]];
        notes.count("partitions from one member only");
    }
    let sides = 1 + seed.below(3);
    notes.count(match sides {
        1 => "partitions of what a member says",
        2 => "partitions of what a member hears",
        _ => "partitions both ways",
    });
    let fault = if seed.below(4) == 0 {
        Fault::Reset
    } else {
        Fault::Hole
    };
    cluster.cut(victim, &others, sides, fault);
}

/// Who leads `meta`, or any journal group, as any member sees it.
async fn leader(cluster: &Cluster, is_meta: bool, seed: &mut Seed) -> Option<usize> {
    let state = cluster.state(cluster.api.any(seed)).await.ok()?;
    let groups = state["groups"].as_array()?;
    let index = if is_meta {
        0
    } else {
        1 + seed.below(groups.len().saturating_sub(1).max(1))
    };
    let leader = groups.get(index)?["leader"].as_u64()?;
    let leader = usize::try_from(leader).ok()?.checked_sub(1)?;
    cluster.api.members().contains(&leader).then_some(leader)
}
