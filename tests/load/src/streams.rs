//! Concurrent SSE streams: time to first token, and token lag.
//!
//! Lag is from the send time in a token to the read that completed it. The streams are spread over the length of a
//! stream, so that their tokens do not come in bursts of the tool's own making.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::client::{Ask, Connection, Failure, Failures, SendTimes, Target};
use crate::latency::{Latencies, Percentiles};
use crate::upstream::Marker;
use crate::{clock, limits};

/// A stream that is silent for so long has failed.
const SILENCE: Duration = Duration::from_secs(30);

/// A load of streams.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Streams open at a time
    #[arg(long, default_value_t = 50)]
    pub streams: u32,
    /// How long streams are opened; those that are open then are read to their end
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Tokens of a stream
    #[arg(long, default_value_t = 40)]
    pub tokens: u32,
    /// Time between two tokens, in milliseconds
    #[arg(long, default_value_t = 25)]
    pub interval_ms: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            streams: 50,
            seconds: 5.0,
            tokens: 40,
            interval_ms: 25,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Streams that came to their end.
    pub completed: u64,
    /// Streams that failed, by kind or status; `content` is a wrong number of tokens.
    pub errors: Failures,
    /// Tokens read.
    pub tokens: u64,
    /// From sending the request to reading the first token.
    pub ttft: Percentiles,
    /// From the upstream's sending of a token to reading it.
    pub lag: Percentiles,
}

#[derive(Debug, Default)]
struct Tally {
    completed: u64,
    errors: Failures,
    first: Latencies,
    lag: Latencies,
}

/// Runs the load. Fails if the options make none or descriptors do not suffice.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    ensure!(
        options.streams > 0 && options.seconds > 0.0,
        "--streams and --seconds must be above 0"
    );
    limits::allow_connections(u64::from(options.streams))?;
    let tokens = u64::from(options.tokens);
    let marker = Marker {
        interval_ms: Some(u64::from(options.interval_ms)),
        ..Marker::default()
    };
    let ask = Ask {
        stream: true,
        max_tokens: Some(tokens),
        marker: Some(marker),
    };
    let call = target.call(ask).await?;
    let length = Duration::from_millis(u64::from(options.tokens) * u64::from(options.interval_ms));
    let end = clock::now() + length + Duration::from_secs_f64(options.seconds);

    let tally = Rc::new(RefCell::new(Tally::default()));
    let readers: Vec<_> = (0..options.streams)
        .map(|index| {
            let offset = length * index / options.streams;
            let reader = read_until(
                end,
                offset,
                tokens,
                Connection::new(call.clone(), None),
                Rc::clone(&tally),
            );
            spawn_local(reader)
        })
        .collect();
    join_all(readers).await;
    let tally = tally.borrow();
    Ok(Report {
        completed: tally.completed,
        errors: tally.errors.clone(),
        tokens: tally.lag.len(),
        ttft: tally.first.summary(),
        lag: tally.lag.summary(),
    })
}

async fn read_until(
    end: Duration,
    offset: Duration,
    tokens: u64,
    mut connection: Connection,
    tally: Rc<RefCell<Tally>>,
) {
    sleep(offset).await;
    while clock::now() < end {
        let outcome = read_one(&mut connection, tokens, &tally).await;
        let mut tally = tally.borrow_mut();
        match outcome {
            Ok(()) => tally.completed += 1,
            Err(failure) => tally.errors.add(failure),
        }
        if outcome == Err(Failure::Connect) {
            return;
        }
    }
}

async fn read_one(connection: &mut Connection, expected: u64, tally: &RefCell<Tally>) -> Result<(), Failure> {
    connection.connect().await?;
    let sent = clock::now();
    let mut body = connection.send().await?.into_body();
    let (mut send_times, mut tokens) = (SendTimes::default(), 0);
    loop {
        let frame = timeout(SILENCE, body.frame())
            .await
            .map_err(|_| Failure::Timeout)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Failure::Broken)?;
        let (Some(data), now) = (frame.data_ref(), clock::now()) else {
            continue;
        };
        let mut tally = tally.borrow_mut();
        send_times.read(data, |token_sent| {
            if tokens == 0 {
                tally.first.record(now.saturating_sub(sent));
            }
            tokens += 1;
            tally.lag.record(now.saturating_sub(token_sent));
        });
    }
    if tokens == expected {
        Ok(())
    } else {
        Err(Failure::Content)
    }
}
