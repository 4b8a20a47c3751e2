//! The load: all clients, and what is looked at when they have ended.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::Api;
use super::report::Notes;
use super::spend::{self, Budget};
use super::{Options, registers, streams};
use crate::seed::Seed;

/// What runs is waited for this long in the end. Holds of killed members stay longer, and are no fault.
const SETTLING: Duration = Duration::from_secs(15);

/// Clients at work, and what they saw.
pub(super) struct Load {
    clients: JoinSet<()>,
    budget: Budget,
    stream_key: String,
    finals: streams::Finals,
    histories: registers::Histories,
    /// What is left of the seed for what is done to the members.
    pub(super) seeds: Seed,
}

impl Load {
    /// Makes the accounts and starts the clients. `provider` is the base of the mock provider.
    pub(super) async fn start(api: &Api, options: &Options, notes: &Notes, provider: &str) -> Result<Self> {
        let name = format!("chaos-{:x}", notes.seed());
        let mut load = Self {
            clients: JoinSet::new(),
            budget: budget(api, options, &name, provider).await?,
            stream_key: tenant(api, &format!("{name}-streams"), &json!({})).await?,
            finals: streams::Finals::default(),
            histories: registers::Histories::default(),
            seeds: Seed(notes.seed()),
        };
        load.spend(api, options, notes);
        load.follow(api, options, notes);
        load.write(api, options, notes, &name);
        Ok(load)
    }

    fn spend(&mut self, api: &Api, options: &Options, notes: &Notes) {
        for _ in 0..options.spenders {
            let seed = Seed(self.seeds.draw());
            let (api, budget, notes) = (api.clone(), self.budget.clone(), notes.clone());
            self.clients.spawn_local(spend::client(api, budget, notes, seed));
        }
        let seed = Seed(self.seeds.draw());
        let watching = spend::watch(api.clone(), self.budget.clone(), notes.clone(), seed);
        self.clients.spawn_local(watching);
        if options.raise_ms > 0 {
            let period = Duration::from_millis(options.raise_ms);
            let seed = Seed(self.seeds.draw());
            let raising = spend::raise(api.clone(), self.budget.clone(), period, notes.clone(), seed);
            self.clients.spawn_local(raising);
        }
    }

    fn follow(&mut self, api: &Api, options: &Options, notes: &Notes) {
        for _ in 0..options.readers {
            let seed = Seed(self.seeds.draw());
            let (key, model) = (self.stream_key.clone(), options.stream_model.clone());
            let (finals, notes) = (self.finals.clone(), notes.clone());
            let reading = streams::client(api.clone(), key, model, finals, notes, seed);
            self.clients.spawn_local(reading);
        }
    }

    fn write(&mut self, api: &Api, options: &Options, notes: &Notes, name: &str) {
        let accounts = (0..options.writers).map(|index| format!("{name}-{index}"));
        let accounts: Vec<String> = accounts.collect();
        for _ in 0..options.writers {
            let seed = Seed(self.seeds.draw());
            let (accounts, histories) = (accounts.clone(), self.histories.clone());
            let writing = registers::client(api.clone(), accounts, histories, notes.clone(), seed);
            self.clients.spawn_local(writing);
        }
    }

    /// Has the clients finish what they have begun.
    pub(super) async fn end(&mut self, notes: &Notes) -> Result<()> {
        notes.end();
        while let Some(ended) = self.clients.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Judges what is left when the clients have ended.
    pub(super) async fn audit(&self, api: &Api, notes: &Notes) -> Result<()> {
        spend::settled(api, &self.budget, SETTLING).await;
        spend::audit(api, &self.budget, notes).await?;
        streams::audit(api, &self.stream_key, &self.finals, notes).await;
        registers::audit(&self.histories, notes);
        Ok(())
    }
}

/// The account that is spent from. Nobody else asks for its model, so the provider's books of it are those of the account.
async fn budget(api: &Api, options: &Options, account: &str, provider: &str) -> Result<Budget> {
    let limits = json!({ "limit_tokens": options.limit_tokens });
    Ok(Budget {
        key: tenant(api, account, &limits).await?,
        account: account.to_owned(),
        limit: Rc::new(Cell::new(options.limit_tokens)),
        step: options.limit_tokens,
        model: options.model.clone(),
        provider: provider.to_owned(),
    })
}

/// A key of a new account.
async fn tenant(api: &Api, account: &str, limits: &Value) -> Result<String> {
    let failed = |failure| anyhow!("making account {account}: {failure}");
    let path = format!("/v1/admin/accounts/{account}");
    api.operate(0, &Method::PUT, &path, limits)
        .await
        .map_err(failed)?;
    let wanted = json!({ "account": account, "label": "chaos" });
    let minted = api.operate(0, &Method::POST, "/v1/admin/api-keys", &wanted).await;
    let key = minted.map_err(failed)?["key"].as_str().map(str::to_owned);
    key.ok_or_else(|| anyhow!("no key in the answer"))
}
