//! What is measured of a gateway.

use std::fmt;

/// One figure, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Median latency at a rate, µs.
    P50(u32),
    /// 99th percentile at a rate, µs.
    P99(u32),
    /// `P50` minus that of the upstream alone.
    AddedP50(u32),
    /// `P99` minus that of the upstream alone.
    AddedP99(u32),
    /// Highest rate with a 99th percentile below 10 ms.
    MaxRps,
    /// CPU seconds for ten thousand requests.
    CpuPer10k,
    /// Median time to first token at a number of streams, µs.
    TtftP50(u32),
    /// 99th percentile of the same.
    TtftP99(u32),
    /// Median token lag at a number of streams, µs.
    LagP50(u32),
    /// 99th percentile of the same.
    LagP99(u32),
    /// Resident memory a second after the first answer, MiB.
    RssIdle,
    /// Resident memory after load, MiB.
    RssLoaded,
    /// Resident memory per open stream, KiB.
    RssPerStream,
    /// From start of the process to the first 200, ms.
    FirstAnswer,
    /// CPU that processes outside of the comparison took meanwhile, in percent of a core.
    Others,
    /// Requests and streams that failed, over all rounds.
    Failed,
}

impl Figure {
    /// Whether more is better; of everything else, less is.
    pub fn more_is_better(self) -> bool {
        self == Self::MaxRps
    }

    /// Whether the figure is the gateway's own, so that two gateways compare by it.
    pub fn is_comparable(self) -> bool {
        !matches!(self, Self::P50(_) | Self::P99(_) | Self::Others | Self::Failed)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P50(rps) => write!(f, "p50 at {rps} rps, µs"),
            Self::P99(rps) => write!(f, "p99 at {rps} rps, µs"),
            Self::AddedP50(rps) => write!(f, "added p50 at {rps} rps, µs"),
            Self::AddedP99(rps) => write!(f, "added p99 at {rps} rps, µs"),
            Self::MaxRps => f.write_str("max rps at p99 < 10 ms"),
            Self::CpuPer10k => f.write_str("CPU-s per 10k requests"),
            Self::TtftP50(streams) => write!(f, "TTFT p50 at {streams} streams, µs"),
            Self::TtftP99(streams) => write!(f, "TTFT p99 at {streams} streams, µs"),
            Self::LagP50(streams) => write!(f, "token lag p50 at {streams} streams, µs"),
            Self::LagP99(streams) => write!(f, "token lag p99 at {streams} streams, µs"),
            Self::RssIdle => f.write_str("RSS idle, MiB"),
            Self::RssLoaded => f.write_str("RSS loaded, MiB"),
            Self::RssPerStream => f.write_str("RSS per open stream, KiB"),
            Self::FirstAnswer => f.write_str("start to first 200, ms"),
            Self::Others => f.write_str("CPU of others meanwhile, % of a core"),
            Self::Failed => f.write_str("failures of all rounds"),
        }
    }
}
