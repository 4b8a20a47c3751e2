//! What is done to the cluster, in an order that the seed decides. At most one member suffers at a time.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::report::Notes;
use crate::fleet::Member;
use crate::partition::{Board, Fault, Origins};
use crate::seed::Seed;

/// How long a killed member stays down.
const DOWN: Duration = Duration::from_millis(500);

/// A kind of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Harm {
    /// `kill -9` and a start, each member in turn
    Kill,
    /// SIGSTOP for longer than any timeout, then SIGCONT
    Freeze,
    /// What a member says, or what it is told, or both, does not arrive
    Partition,
    /// What a member says and is told arrives late
    Delay,
}

/// The cluster under harm.
pub(super) struct Cluster {
    pub(super) members: Vec<Member>,
    pub(super) board: Board,
    pub(super) origins: Origins,
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
    /// How long a member is frozen, or cut off, in milliseconds
    #[arg(long, default_value_t = 12_000)]
    pub lasting_ms: u64,
}

impl Cluster {
    /// Starts every member that does not run.
    pub(super) fn start(&mut self) -> Result<()> {
        for (index, member) in self.members.iter_mut().enumerate() {
            member.start()?;
            self.origins.set(index + 1, member.pid());
        }
        Ok(())
    }

    /// Undoes all harm; members may take a while to be ready.
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

    /// Does harm until it is dropped, which may leave some. Fails when a member ends by itself.
    pub(super) async fn suffer(&mut self, schedule: &Schedule, notes: &Notes, seed: &mut Seed) -> Result<()> {
        let lasting = Duration::from_millis(schedule.lasting_ms);
        for turn in 0.. {
            sleep(Duration::from_millis(schedule.every_ms)).await;
            let victim = turn % self.members.len();
            let harm = schedule.harm[seed.below(schedule.harm.len())];
            match harm {
                Harm::Kill => {
                    notes.count("kills");
                    self.members[victim].kill()?;
                    sleep(DOWN).await;
                }
                Harm::Freeze => {
                    notes.count("freezes");
                    self.members[victim].freeze()?;
                    sleep(lasting).await;
                }
                Harm::Partition => {
                    notes.count("partitions");
                    let sides = 1 + seed.below(3);
                    self.cut(victim, sides, Fault::Hole);
                    sleep(lasting).await;
                }
                Harm::Delay => {
                    notes.count("delays");
                    let (by, jitter) = (Duration::from_millis(100), Duration::from_millis(90));
                    self.cut(victim, 3, Fault::Delay { by, jitter });
                    sleep(lasting).await;
                }
            }
            self.heal()?;
        }
        Ok(())
    }

    /// Sets `fault` for what `victim` says (1), for what it is told (2), or for both (3).
    fn cut(&self, victim: usize, sides: usize, fault: Fault) {
        for other in (0..self.members.len()).filter(|other| *other != victim) {
            if sides & 1 != 0 {
                self.board.set(victim + 1, other + 1, fault);
            }
            if sides & 2 != 0 {
                self.board.set(other + 1, victim + 1, fault);
            }
        }
    }
}
