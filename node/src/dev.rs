//! What `atp-node dev` prepares and prints.

mod cluster;

use std::fmt::Write;

use atp_actors::history::FLOOR;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::Limits;

use crate::config::Config;
use crate::environment::Environment;
use crate::node::NodeHandle;
use crate::secret::Secret;

pub use cluster::{ClusterError, NODES_MAX, configs, form};

/// Account of the generated key.
const ACCOUNT: &str = "dev";

/// What was prepared.
pub struct Dev {
    /// The generated key, shown once.
    pub key: Secret,
}

/// A fresh admin key for one run.
#[must_use]
pub fn admin_key() -> Secret {
    let mut bytes = [0; 24];
    Environment::real(1).random.fill(&mut bytes);
    Secret::new(format!("adm_{}", hex::encode(bytes)))
}

/// Makes the account and its key, in force at all of `nodes`, which are those of one cluster.
///
/// # Errors
/// When the ledger or the cluster does not take them.
pub async fn prepare(nodes: &[NodeHandle]) -> Result<Dev, Fault> {
    let account = AccountId::new(ACCOUNT).expect("a valid name");
    let first = nodes.first().expect("at least one node was started");
    if first.meta.ledger.account(account.clone()).await?.is_none() {
        first
            .meta
            .put_account(account.clone(), None, Limits::default())
            .await?;
    }
    let minted = first.meta.make_key(account, "atp-node dev", true).await?;
    for node in nodes {
        node.meta.catch_up().await?;
    }
    Ok(Dev { key: minted.key })
}

/// What a person sees first. `others`: where the other nodes of the cluster serve.
#[must_use]
pub fn welcome(api: &str, others: &[String], key: &str, admin: &str) -> String {
    let also = match others {
        [] => String::new(),
        others => format!(", and as one cluster with it on {}", others.join(" and ")),
    };
    format!(
        "ATP Router is serving on {api}{also}\n\n  \
         key        {key}\n  \
         admin key  {admin}\n\n\
         Both are shown once. Try:\n\n  \
         curl -s {api}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n    \
         -d '{{\"model\":\"summarizer.local\",\"messages\":[{{\"role\":\"user\",\"content\":\"…a long text…\"}}]}}'\n  \
         curl -s {api}/v1/models -H 'authorization: Bearer {key}'\n"
    )
}

/// The bounds a configuration sets, and what they add up to.
#[must_use]
pub fn bounds(config: &Config) -> String {
    const PER_STREAM: u64 = 40 << 10;
    const PER_KEY: u64 = 512;
    let streams = u64::from(config.sched.max_concurrent);
    let queued = u64::from(config.sched.max_queued) * 3;
    let repeats = &config.idempotency;
    let repeats = (repeats.max_keys as u64) * PER_KEY + repeats.max_bytes as u64;
    let resume = &config.resume;
    let kept = resume.max_bytes as u64 + resume.max_streams as u64 * FLOOR as u64;
    let total = streams * PER_STREAM + queued * (64 << 10) + repeats + kept + (40 << 20);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "bounds: {streams} lanes, {queued} waiting requests, {} connections, bodies of {} MiB, {} kept streams, {} idempotency keys; \
         memory at those bounds about {} MiB beside request bodies",
        config.limits.max_connections,
        config.limits.max_body_bytes >> 20,
        resume.max_streams,
        config.idempotency.max_keys,
        total >> 20,
    );
    text
}
