//! Clocks that jump: each member's time of day, which libfaketime takes from a file.

use anyhow::Result;

use super::cluster::Cluster;
use crate::seed::Seed;

/// What may be between a member's clock and ours, in seconds.
const OFFSETS: [&str; 3] = ["-2", "+0", "+2"];

/// Sets every member's clock to one of the offsets; they take it over within a second.
pub(super) fn jump(cluster: &Cluster, seed: &mut Seed) -> Result<()> {
    for member in cluster.api.members() {
        let path = cluster.home(member)?.join("clock");
        let beside = path.with_extension("next");
        // Read whole or not at all.
        std::fs::write(&beside, OFFSETS[seed.below(OFFSETS.len())])?;
        std::fs::rename(&beside, &path)?;
    }
    Ok(())
}
