//! Keeps what else runs on the machine out of the figures, as far as it lets itself be kept out.
//!
//! Others are whatever CPU time is not that of this process and its descendants, which upstream and gateways are.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::{Figure, Gateway, Samples};
use crate::clock;
use crate::process::{machine_cpu, usage};

/// What others may take, in percent of a core. With more, tails and capacity are those of the machine's other work.
pub(super) const DISTURBANCE: f64 = 15.0;
/// How often a load is run for one undisturbed run; after that the least disturbed one counts.
const ATTEMPTS: usize = 4;
/// How long a load is put off for the machine to become quiet.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time over which quiet is judged before a load.
const LISTEN: Duration = Duration::from_millis(500);

/// Runs `load` in quiet, and records how much others took during the run that counts.
pub(super) async fn undisturbed<T>(
    gateway: Gateway,
    samples: &mut Samples,
    load: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    await_quiet().await?;
    let (mut best, mut others) = others_during(&load).await?;
    for _ in 1..ATTEMPTS {
        if others <= DISTURBANCE {
            break;
        }
        await_quiet().await?;
        let (value, disturbance) = others_during(&load).await?;
        if disturbance < others {
            (best, others) = (value, disturbance);
        }
    }
    samples.add(Figure::Others, gateway, others);
    Ok(best)
}

pub(crate) async fn await_quiet() -> Result<()> {
    let deadline = clock::now() + PATIENCE;
    while clock::now() < deadline {
        let ((), others) = others_during(async || {
            sleep(LISTEN).await;
            Ok(())
        })
        .await?;
        if others <= DISTURBANCE {
            break;
        }
    }
    Ok(())
}

/// Runs `load` and returns with its value what others took meanwhile, in percent of a core.
pub(crate) async fn others_during<T>(load: impl AsyncFn() -> Result<T>) -> Result<(T, f64)> {
    let others = || Ok::<_, anyhow::Error>(machine_cpu()?.saturating_sub(usage(std::process::id())?.cpu));
    let (start, before) = (clock::now(), others()?);
    let value = load().await?;
    let (taken, elapsed) = (others()?.saturating_sub(before), clock::now() - start);
    Ok((value, taken.as_secs_f64() / elapsed.as_secs_f64() * 100.0))
}
