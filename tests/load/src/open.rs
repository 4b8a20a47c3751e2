//! Streams that are opened and stay open with hardly a token: what an open stream costs in memory.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::stream::{StreamExt, iter};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::client::{Ask, Call, Connection, Failure, Failures, Target};
use crate::upstream::Marker;
use crate::{clock, limits};

/// Connects under way at a time: more would overrun the accept queue of the other side.
const CONCURRENT_OPENS: usize = 128;
/// Streams from one loopback source address; the default range of local ports has 28 000.
const STREAMS_PER_SOURCE: u32 = 20_000;
/// Time between tokens of a held stream: within what proxies take for silence.
const TOKEN_INTERVAL_MS: u64 = 20_000;
/// More tokens than a stream is held for.
const TOKENS: u64 = 1_000;

/// A load of open streams.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Streams to open
    #[arg(long, default_value_t = 1000)]
    pub streams: u32,
    /// How long to hold them
    #[arg(long, default_value_t = 5.0)]
    pub hold_seconds: f64,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Streams whose first bytes have come.
    pub open: u64,
    /// Streams that could not be opened, by kind or status.
    pub errors: Failures,
    /// Time from the first connect until all were open.
    pub open_seconds: f64,
    /// Streams that ended by themselves while they were held.
    pub lost: u64,
}

/// Open streams; they are aborted when this is dropped.
#[derive(Debug)]
pub struct OpenStreams {
    /// What became of the opening; `lost` counts up to the last [`OpenStreams::hold`].
    pub report: Report,
    readers: JoinSet<()>,
}

impl OpenStreams {
    /// Opens `count` streams, each on its own connection, and returns when each has sent its first bytes or failed.
    pub async fn open(target: &Target, count: u32) -> Result<Self> {
        ensure!(count > 0, "--streams must be above 0");
        limits::allow_connections(u64::from(count))?;
        let marker = Marker {
            interval_ms: Some(TOKEN_INTERVAL_MS),
            ..Marker::default()
        };
        let ask = Ask {
            stream: true,
            max_tokens: Some(TOKENS),
            marker: Some(marker),
        };
        let call = target.call(ask).await?;
        let start = clock::now();
        let opens = iter(0..count).map(|index| open_one(call.clone(), source(index)));
        let outcomes: Vec<_> = opens.buffer_unordered(CONCURRENT_OPENS).collect().await;

        let (mut readers, mut errors) = (JoinSet::new(), Failures::default());
        for outcome in outcomes {
            match outcome {
                Ok(body) => {
                    readers.spawn_local(read(body));
                }
                Err(failure) => errors.add(failure),
            }
        }
        let open_seconds = (clock::now() - start).as_secs_f64();
        let report = Report {
            open: readers.len() as u64,
            errors,
            open_seconds,
            lost: 0,
        };
        Ok(Self { report, readers })
    }

    /// Reads on for `time`; streams that end meanwhile are lost.
    pub async fn hold(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
        while self.readers.try_join_next().is_some() {
            self.report.lost += 1;
        }
    }
}

/// Opens, holds and reports.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    let mut streams = OpenStreams::open(target, options.streams).await?;
    streams.hold(Duration::from_secs_f64(options.hold_seconds)).await;
    Ok(streams.report.clone())
}

/// The first address is the usual one, so that any target works until ports run out.
fn source(index: u32) -> Option<Ipv4Addr> {
    let block = index / STREAMS_PER_SOURCE;
    (block > 0).then(|| Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + block))
}

async fn open_one(call: Call, source: Option<Ipv4Addr>) -> Result<Incoming, Failure> {
    let mut body = Connection::new(call, source).send().await?.into_body();
    match body.frame().await {
        Some(Ok(_)) => Ok(body),
        Some(Err(_)) | None => Err(Failure::Broken),
    }
}

async fn read(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
