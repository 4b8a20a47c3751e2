//! What the figures were measured on.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::clock;

/// Syncs that are timed; the median counts.
const SYNCS: usize = 101;

/// A machine and the disk of the data directory.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Machine {
    cores: usize,
    /// As `/proc/cpuinfo` names it.
    processor: String,
    /// Load average of the last minute before the measurement.
    load: f32,
    /// Median time of an appended 4 KiB block with `fdatasync`, ms.
    sync_ms: f64,
}

impl Machine {
    /// Reads the machine and times syncs in `directory`, which exists.
    pub(super) fn look(directory: &Path) -> Result<Self> {
        use procfs::Current;
        let cpus = procfs::CpuInfo::current()?;
        let mut file = tempfile::tempfile_in(directory)?;
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            let start = clock::now();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            times.push(clock::now() - start);
        }
        times.sort();
        Ok(Self {
            cores: cpus.num_cores(),
            processor: cpus.model_name(0).unwrap_or("unknown").to_owned(),
            load: procfs::LoadAverage::current()?.one,
            sync_ms: times[SYNCS / 2].as_secs_f64() * 1e3,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores of {}, load {:.2} before, a 4 KiB append with fdatasync takes {:.2} ms",
            self.cores, self.processor, self.load, self.sync_ms
        )
    }
}
