//! Requests over the link and unary calls of tonic, taken in turns: loopback, TLS 1.3 with certificates of both sides, one connection,
//! one thread a side, 200 bytes each way.
//!
//! Requests a second, and CPU time of both sides together per request, at 1, 64 and 512 in flight; medians of the rounds.
//! `cargo bench -p atp-node --bench link -- [--seconds 2] [--rounds 3]`
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod grpc;
mod link;

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};

/// Of questions and answers, in bytes.
const BODY: usize = 200;

const IN_FLIGHT: [usize; 3] = [1, 64, 512];

#[derive(Parser)]
struct Arguments {
    /// How long each is run.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How often each is run.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let time = Duration::from_secs(arguments.seconds);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (ours, theirs) = (link::Caller::connect().await?, grpc::Caller::connect().await?);
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["in flight", "peer", "requests/s", "CPU µs per request"]);
        for in_flight in IN_FLIGHT {
            let mut figures = [Vec::new(), Vec::new()];
            for _ in 0..arguments.rounds {
                figures[0].push(run(in_flight, time, &ours, link::Caller::call).await?);
                figures[1].push(run(in_flight, time, &theirs, grpc::Caller::call).await?);
            }
            for (peer, figures) in ["link", "tonic"].into_iter().zip(figures) {
                let rate = median(figures.iter().map(|figure| figure.rate).collect());
                let cpu = median(figures.iter().map(|figure| figure.cpu_us).collect());
                table.add_row([
                    in_flight.to_string(),
                    peer.to_owned(),
                    format!("{rate:.0}"),
                    format!("{cpu:.1}"),
                ]);
            }
        }
        println!("{table}");
        Ok(())
    })
}

struct Figure {
    rate: f64,
    cpu_us: f64,
}

/// Keeps `in_flight` calls going for `time`.
async fn run<C: Clone + 'static, F: Future<Output = Result<()>> + 'static>(
    in_flight: usize,
    time: Duration,
    caller: &C,
    call: fn(C) -> F,
) -> Result<Figure> {
    let (done, is_over) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(false)));
    let before = cpu();
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        let (caller, done, is_over) = (caller.clone(), Rc::clone(&done), Rc::clone(&is_over));
        callers.spawn_local(async move {
            while !is_over.get() {
                call(caller.clone()).await?;
                done.set(done.get() + 1);
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(time).await;
    let (done, cpu) = (done.get() as f64, cpu() - before);
    is_over.set(true);
    while let Some(ended) = callers.join_next().await {
        ended.context("a caller panicked")??;
    }
    Ok(Figure {
        rate: done / time.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / done,
    })
}

/// CPU time of this process, in which both sides are.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let whole = Duration::from_secs(time.tv_sec.unsigned_abs());
    whole + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs the answering side on a thread of its own until the process ends.
fn on_a_thread<F: Future<Output = Result<()>> + 'static>(
    serve: impl FnOnce() -> F + Send + 'static,
) -> Result<()> {
    std::thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, serve())
        })?;
    Ok(())
}
