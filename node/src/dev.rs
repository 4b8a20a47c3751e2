//! What `atp-node dev` prepares and prints.

use std::fmt::Write;

use atp_actors::history::FLOOR;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::Limits;

use crate::config::Config;
use crate::environment::Environment;
use crate::node::NodeHandle;
use crate::secret::Secret;

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

/// Makes the account and its key.
///
/// # Errors
/// When the ledger or key journal cannot be written.
pub async fn prepare(node: &NodeHandle) -> Result<Dev, Fault> {
    let account = AccountId::new(ACCOUNT).expect("a valid name");
    if node.meta.ledger.account(account.clone()).await?.is_none() {
        node.meta
            .put_account(account.clone(), None, Limits::default())
            .await?;
    }
    let minted = node.meta.make_key(account, "atp-node dev", true).await?;
    Ok(Dev { key: minted.key })
}

/// What a person sees first.
#[must_use]
pub fn welcome(api: &str, key: &str, admin: &str) -> String {
    format!(
        "ATP Router is serving on {api}\n\n  \
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
