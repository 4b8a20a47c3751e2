//! What the network does to what one member says to another, at this moment.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

/// What happens to bytes in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    Pass,
    /// Neither bytes nor the end of a connection arrive, until another fault is set.
    Hole,
    /// Connections are reset, and new ones as soon as they are made.
    Reset,
    /// Bytes arrive after `by`, more or less `jitter`, in order.
    Delay {
        /// On average.
        by: Duration,
        /// At most as long as `by`.
        jitter: Duration,
    },
    /// So many bytes a second arrive at most.
    Throttle {
        /// At least 1.
        bytes_per_second: u64,
    },
}

type Faults = BTreeMap<(usize, usize), Fault>;

/// The faults of all pairs, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Board(watch::Sender<Faults>);

impl Board {
    /// What `from` says to `to` suffers `fault` from here on, in connections that either of them made.
    pub fn set(&self, from: usize, to: usize, fault: Fault) {
        self.0.send_modify(|faults| {
            faults.insert((from, to), fault);
        });
    }

    /// Everything passes.
    pub fn heal(&self) {
        self.0.send_modify(BTreeMap::clear);
    }

    pub(super) fn direction(&self, from: usize, to: usize) -> Direction {
        Direction {
            faults: self.0.subscribe(),
            pair: (from, to),
        }
    }
}

/// One ordered pair of the board.
#[derive(Debug, Clone)]
pub(super) struct Direction {
    faults: watch::Receiver<Faults>,
    pair: (usize, usize),
}

impl Direction {
    pub(super) fn fault(&self) -> Fault {
        self.faults.borrow().get(&self.pair).copied().unwrap_or_default()
    }

    /// Waits for a fault of which `matches` is true. Pends forever once the board is gone.
    pub(super) async fn until(&mut self, matches: impl Fn(Fault) -> bool) {
        let pair = self.pair;
        let wanted = |faults: &Faults| matches(faults.get(&pair).copied().unwrap_or_default());
        if self.faults.wait_for(wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |index: usize| -> Result<u64> {
            let word = words
                .get(index)
                .with_context(|| format!("`{text}` lacks a number"))?;
            word.parse().with_context(|| format!("`{word}` is not a number"))
        };
        Ok(match words.first().copied() {
            Some("pass") => Self::Pass,
            Some("hole") => Self::Hole,
            Some("reset") => Self::Reset,
            Some("delay") => {
                let by = number(1)?;
                let jitter = if words.len() > 2 { number(2)? } else { 0 };
                Self::Delay {
                    by: Duration::from_millis(by),
                    jitter: Duration::from_millis(jitter.min(by)),
                }
            }
            Some("throttle") => Self::Throttle {
                bytes_per_second: number(1)?.max(1),
            },
            _ => bail!("`{text}` is none of pass, hole, reset, delay and throttle"),
        })
    }
}
