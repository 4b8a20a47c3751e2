//! Clients that race for a budget: each sends until it is refused.
//!
//! The sum of the usage in the replies is what an account may be charged at most; compare it with the ledger and
//! with the upstream's books.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::client::{Ask, Connection, Failure, Failures, Target};

/// Statuses by which a budget refuses.
const REFUSALS: [u16; 2] = [402, 429];

/// A race.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Further gateways; client `i` asks gateway `i` modulo their number
    #[arg(long = "also")]
    pub also: Vec<String>,
    /// Clients, each on its own connection
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// Limit on completion tokens per request
    #[arg(long, default_value_t = 100)]
    pub max_tokens: u64,
    /// A client that was never refused stops after so many requests
    #[arg(long, default_value_t = 10_000)]
    pub requests: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Requests answered 200.
    pub accepted: u64,
    /// Refusals by status; each ended one client.
    pub refused: BTreeMap<u16, u64>,
    /// Other failures by kind or status; clients go on after them.
    pub errors: Failures,
    /// Sum of the prompt tokens in the replies' usage.
    pub prompt_tokens: u64,
    /// Sum of the completion tokens in the replies' usage.
    pub completion_tokens: u64,
}

/// Runs the race to its end.
pub async fn run(target: &Target, options: &Options) -> Result<Report> {
    ensure!(options.clients > 0, "--clients must be above 0");
    let ask = Ask {
        max_tokens: Some(options.max_tokens),
        ..Ask::default()
    };
    let mut calls = vec![target.call(ask).await?];
    for url in &options.also {
        calls.push(
            Target {
                url: url.clone(),
                ..target.clone()
            }
            .call(ask)
            .await?,
        );
    }
    let clients = calls.iter().cycle().take(options.clients);
    let races = clients.map(|call| race(Connection::new(call.clone(), None), options.requests));
    Ok(join_all(races)
        .await
        .into_iter()
        .fold(Report::default(), Report::plus))
}

async fn race(mut connection: Connection, requests: u64) -> Report {
    let mut report = Report::default();
    for _ in 0..requests {
        let outcome = connection.exchange().await;
        match outcome.and_then(|body| serde_json::from_slice(&body).map_err(|_| Failure::Content)) {
            Ok(Reply { usage }) => report.accept(usage),
            Err(Failure::Status(status)) if REFUSALS.contains(&status) => {
                report.refused.insert(status, 1);
                break;
            }
            Err(failure) => report.errors.add(failure),
        }
    }
    report
}

impl Report {
    fn accept(&mut self, usage: Usage) {
        self.accepted += 1;
        self.prompt_tokens += usage.prompt_tokens;
        self.completion_tokens += usage.completion_tokens;
    }

    fn plus(mut self, other: Self) -> Self {
        self.accepted += other.accepted;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.errors.extend(&other.errors);
        self
    }
}

/// The usage of either surface; absent counts as zero.
#[derive(Debug, Default, Deserialize)]
struct Reply {
    #[serde(default)]
    usage: Usage,
}

#[derive(Debug, Default, Deserialize)]
struct Usage {
    #[serde(default, alias = "input_tokens")]
    prompt_tokens: u64,
    #[serde(default, alias = "output_tokens")]
    completion_tokens: u64,
}
