//! What the figures were measured on.

use std::fmt;
use std::fs::File;
use std::io::{Seek, Write};
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
    /// Median time of 4 KiB with `fdatasync`, ms: at the end of a file, whose length is then synced too.
    append_sync_ms: f64,
    /// The same within the file.
    sync_ms: f64,
}

impl Machine {
    /// Reads the machine and times syncs in `directory`, which exists.
    pub(super) fn look(directory: &Path) -> Result<Self> {
        use procfs::Current;
        let cpus = procfs::CpuInfo::current()?;
        let mut file = tempfile::tempfile_in(directory)?;
        let append_sync_ms = sync_ms(&mut file)?;
        file.rewind()?;
        let sync_ms = sync_ms(&mut file)?;
        Ok(Self {
            cores: cpus.num_cores(),
            processor: cpus.model_name(0).unwrap_or("unknown").to_owned(),
            load: procfs::LoadAverage::current()?.one,
            append_sync_ms,
            sync_ms,
        })
    }
}

fn sync_ms(file: &mut File) -> Result<f64> {
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = clock::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(clock::now() - start);
    }
    times.sort();
    Ok(times[SYNCS / 2].as_secs_f64() * 1e3)
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores of {}, load {:.2} before; 4 KiB with fdatasync take {:.2} ms, appended {:.2} ms",
            self.cores, self.processor, self.load, self.sync_ms, self.append_sync_ms
        )
    }
}
