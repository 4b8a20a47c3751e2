//! Open-loop load at a constant rate.
//!
//! Request `i` is due at `start + i / rps` whether or not earlier ones have been answered, and its latency counts
//! from then: a gateway that stalls is charged for every request that should have been sent meanwhile. What is
//! still unsent at the end counts with the wait that it had by then.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;

use crate::client::{Ask, Connection, Failures, Target};
use crate::clock;
use crate::latency::{Latencies, Percentiles};
use crate::pacer::Pacer;

/// A load of whole answers.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Requests per second
    #[arg(long, default_value_t = 500.0)]
    pub rps: f64,
    /// How long to measure
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Sent before at the same rate, and not measured
    #[arg(long, default_value_t = 1.0)]
    pub warmup_seconds: f64,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Requests per second that were asked for.
    pub offered_rps: f64,
    /// Requests per second that were answered 200 within the measured time.
    pub rps: f64,
    /// Requests answered 200.
    pub answered: u64,
    /// Requests that were due and found no free connection before the end.
    pub unsent: u64,
    /// Failed requests by kind or status.
    pub errors: Failures,
    /// From due to the last byte, of answered and unsent requests.
    #[serde(flatten)]
    pub latency: Percentiles,
}

/// The plan of a load: when each request is due, and which of them count.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    start: Duration,
    interval: f64,
    warmup: u64,
    total: u64,
}

impl Schedule {
    fn due(&self, index: u64) -> Duration {
        self.start + Duration::from_secs_f64(index as f64 * self.interval)
    }

    fn end(&self) -> Duration {
        self.due(self.total)
    }
}

#[derive(Debug, Default)]
struct Tally {
    next: Cell<u64>,
    latencies: RefCell<Latencies>,
    errors: RefCell<Failures>,
    /// Answered before the end.
    in_time: Cell<u64>,
    answered: Cell<u64>,
}

/// Runs the load. Fails if the options make no load or no connection can be made.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    ensure!(
        options.rps > 0.0 && options.rps <= 1e6,
        "--rps must be above 0 and at most 1000000"
    );
    ensure!(
        options.seconds > 0.0 && options.connections > 0,
        "--seconds and --connections must be above 0"
    );
    let call = target.call(Ask::default()).await?;
    let mut connections: Vec<_> = (0..options.connections)
        .map(|_| Connection::new(call.clone(), None))
        .collect();
    for connection in &mut connections {
        connection
            .connect()
            .await
            .map_err(|failure| anyhow::anyhow!("{}: {failure}", target.url))?;
    }

    let schedule = Schedule {
        start: clock::now() + Duration::from_millis(5),
        interval: 1.0 / options.rps,
        warmup: (options.rps * options.warmup_seconds) as u64,
        total: (options.rps * (options.warmup_seconds + options.seconds)) as u64,
    };
    let (tally, due) = (Rc::new(Tally::default()), Rc::new(Semaphore::new(0)));
    let senders: Vec<_> = connections
        .into_iter()
        .map(|connection| spawn_local(send(connection, schedule, Rc::clone(&due), Rc::clone(&tally))))
        .collect();
    release(schedule, &due).await?;
    join_all(senders).await;
    Ok(report(options, schedule, &tally))
}

/// Releases one permit per request at the time it is due, then ends the senders.
async fn release(schedule: Schedule, due: &Semaphore) -> Result<()> {
    let pacer = Pacer::new()?;
    for index in 0..schedule.total {
        pacer.sleep_until(schedule.due(index)).await?;
        due.add_permits(1);
    }
    pacer.sleep_until(schedule.end()).await?;
    due.close();
    Ok(())
}

async fn send(mut connection: Connection, schedule: Schedule, due: Rc<Semaphore>, tally: Rc<Tally>) {
    while let Ok(permit) = due.acquire().await {
        permit.forget();
        let index = tally.next.replace(tally.next.get() + 1);
        let outcome = connection.exchange().await;
        if index < schedule.warmup {
            continue;
        }
        let now = clock::now();
        match outcome {
            Ok(_) => {
                tally.answered.set(tally.answered.get() + 1);
                tally
                    .in_time
                    .set(tally.in_time.get() + u64::from(now <= schedule.end()));
                tally
                    .latencies
                    .borrow_mut()
                    .record(now.saturating_sub(schedule.due(index)));
            }
            Err(failure) => tally.errors.borrow_mut().add(failure),
        }
    }
}

fn report(options: &Options, schedule: Schedule, tally: &Tally) -> Report {
    let mut latencies = tally.latencies.borrow_mut();
    let first_unsent = tally.next.get().max(schedule.warmup);
    for index in first_unsent..schedule.total {
        latencies.record(schedule.end() - schedule.due(index));
    }
    Report {
        offered_rps: options.rps,
        rps: tally.in_time.get() as f64 / options.seconds,
        answered: tally.answered.get(),
        unsent: schedule.total.saturating_sub(first_unsent),
        errors: tally.errors.borrow().clone(),
        latency: latencies.summary(),
    }
}
