//! The shape of the configuration file, with its defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use atp_protocol::request::DEADLINE_MS;
use serde::Deserialize;

use super::SecretRef;
use super::cluster::ClusterConfig;
use super::kept::{IdempotencyConfig, ResumeConfig};
use super::telemetry::{AuditConfig, MetricsConfig, TelemetryConfig};

/// Everything an operator can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The process itself.
    pub node: NodeConfig,
    /// Server certificate; absent means plain text, which only loopback or `node.insecure_dev` allows.
    pub tls: Option<TlsConfig>,
    /// Who may call.
    pub auth: AuthConfig,
    /// Accounts created at start unless they exist.
    pub accounts: Vec<AccountConfig>,
    /// Built-in adapters to offer: `summarizer.local`, `keywords.local`, `reviewer.local`, `replay.local`.
    pub builtins: Vec<String>,
    /// Upstream adapters.
    pub providers: Vec<ProviderConfig>,
    /// Price of each model or adapter; zero must be written.
    pub prices: BTreeMap<String, PriceConfig>,
    /// The policy document.
    pub policy: PolicyConfig,
    /// Holds and journal.
    pub budget: BudgetConfig,
    /// Slots and queues.
    pub sched: SchedulerConfig,
    /// Adaptive windows of sessions.
    pub aimd: AimdConfig,
    /// How often agents are called.
    pub burst: BurstConfig,
    /// Streams that outlive their connection.
    pub resume: ResumeConfig,
    /// Answers kept for repeated requests.
    pub idempotency: IdempotencyConfig,
    /// Input limits.
    pub limits: LimitsConfig,
    /// Timeouts towards adapters.
    pub timeouts: TimeoutsConfig,
    /// Circuit breakers of adapters.
    pub breaker: BreakerConfig,
    /// Older clients.
    pub compat: CompatConfig,
    /// The node as a member of a cluster.
    pub cluster: ClusterConfig,
    /// What is put on record.
    pub audit: AuditConfig,
    /// Figures.
    pub metrics: MetricsConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

/// `[node]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Name in logs and as `router_id`.
    pub name: String,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Journals live here, in files of mode 0600.
    pub data_dir: PathBuf,
    /// Arbiters (threads); 0 means one per core.
    pub workers: usize,
    /// Allows plain text off loopback.
    pub insecure_dev: bool,
    /// How long a drain may take, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            name: "node-1".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            data_dir: PathBuf::from("./data"),
            workers: 0,
            insecure_dev: false,
            drain_timeout_ms: 30_000,
        }
    }
}

/// `[tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM certificate chain.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
    /// PEM roots that client certificates must lead to; absent means none is asked for.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Requests without a valid key are refused. `false` serves everybody as tenant `public`, without accounts.
    pub required: bool,
    /// The key that may use admin endpoints.
    pub admin_key: Option<SecretRef>,
    /// Keys known from the start, beside those made at run time.
    pub keys: Vec<KeyConfig>,
    /// HMAC key of signed frames, at least 32 bytes, for `POST /v1/verify_frame`.
    pub frame_key: Option<SecretRef>,
    /// A hello on `/ws` must carry a fresh nonce and the time; absent means off loopback only.
    pub hello_nonce: Option<bool>,
    /// Calls per second allowed to one credential; 0 means unlimited.
    pub rate_per_s: u32,
    /// Calls at once within that rate; 0 means one second's worth.
    pub rate_burst: u32,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            required: true,
            admin_key: None,
            keys: Vec::new(),
            frame_key: None,
            hello_nonce: None,
            rate_per_s: 0,
            rate_burst: 0,
        }
    }
}

/// `[[auth.keys]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The key itself, by reference.
    pub key: SecretRef,
    /// Configured account it spends from.
    pub account: String,
    /// Its holder may dial in as an agent of the account's tenant.
    #[serde(default)]
    pub may_declare_agents: bool,
}

/// `[[accounts]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Name.
    pub id: String,
    /// Enclosing account.
    #[serde(default)]
    pub parent: Option<String>,
    /// Most tokens ever; absent means no limit.
    #[serde(default)]
    pub limit_tokens: Option<u64>,
    /// Most micro-dollars ever; absent means no limit.
    #[serde(default)]
    pub limit_usd_micros: Option<u64>,
    /// Most concurrent requests; absent means no limit.
    #[serde(default)]
    pub max_parallel: Option<u32>,
}

/// Which adapter speaks to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI chat completions, and everything that imitates them.
    Openai,
    /// Anthropic Messages.
    Anthropic,
    /// `atp.adapter.v1.AdapterService`.
    Grpc,
    /// A recorded stream.
    Replay,
}

/// How a provider wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthStyle {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`, Azure's way.
    ApiKey,
    /// `x-api-key`, Anthropic's way.
    XApiKey,
    /// None at all.
    None,
}

/// `[[providers]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Adapter id, e.g. `openai` or `ollama.local`.
    pub id: String,
    /// Protocol.
    pub kind: ProviderKind,
    /// Base URL including the version path, e.g. `https://api.openai.com/v1`; a file path for `replay`.
    pub url: String,
    /// Models it serves, by the name clients use.
    #[serde(default)]
    pub models: Vec<String>,
    /// Key reference.
    #[serde(default)]
    pub key: Option<SecretRef>,
    /// How the key is sent; the kind's own way unless given.
    #[serde(default)]
    pub auth: Option<AuthStyle>,
    /// `api-version` query of Azure.
    #[serde(default)]
    pub api_version: Option<String>,
    /// What it can do, matched by policy; e.g. `chat`.
    #[serde(default = "chat")]
    pub capabilities: Vec<String>,
    /// Personas it carries out.
    #[serde(default)]
    pub personas: Vec<String>,
    /// Data-scope labels it may see.
    #[serde(default)]
    pub data_scopes: Vec<String>,
    /// Region it runs in.
    #[serde(default)]
    pub region: Option<String>,
    /// Context in tokens.
    #[serde(default)]
    pub context_tokens: Option<u64>,
    /// Connections per arbiter.
    #[serde(default = "connections")]
    pub max_connections: usize,
    /// A client that disconnects stops the billing upstream, so that nothing has to be drained.
    #[serde(default = "yes")]
    pub cancel_stops_billing: bool,
}

fn chat() -> Vec<String> {
    vec!["chat".to_owned()]
}

const fn connections() -> usize {
    1024
}

const fn yes() -> bool {
    true
}

/// `[prices.<model or adapter>]`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Micro-dollars per million input tokens.
    pub in_usd_micros_per_million: u64,
    /// Micro-dollars per million output tokens.
    pub out_usd_micros_per_million: u64,
}

/// `[policy]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Policy document; absent means the built-in one.
    pub file: Option<PathBuf>,
}

/// `[budget]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// A hold nobody settles lives this long, in milliseconds.
    pub hold_ttl_ms: u64,
    /// Journal writes are made durable against power loss at least this often, in milliseconds.
    pub sync_interval_ms: u64,
    /// After a client left, upstream is read on for its usage at most this long, in milliseconds.
    pub drain_ms: u64,
    /// And at most this many bytes.
    pub drain_bytes: u64,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            hold_ttl_ms: 600_000,
            sync_interval_ms: 20,
            drain_ms: 10_000,
            drain_bytes: 1 << 20,
        }
    }
}

/// `[aimd]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AimdConfig {
    /// Calls a session may have at once at first.
    pub base: u32,
    /// And at most.
    pub cap: u32,
    /// Calls more after one that went well.
    pub add: u8,
    /// What is left of the window after a failure.
    pub mult: f64,
    /// `add` and `mult` are tuned by what minutes of traffic look like.
    pub tuned: bool,
}

impl Default for AimdConfig {
    fn default() -> Self {
        Self {
            base: 4,
            cap: 64,
            add: 1,
            mult: 0.5,
            tuned: false,
        }
    }
}

/// `[burst]`, atp.md 16.3: of each agent that dials in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BurstConfig {
    /// Calls a second on average; 0 means as often as one likes.
    pub rate: u32,
    /// Calls at once.
    pub size: u32,
}

impl Default for BurstConfig {
    fn default() -> Self {
        Self { rate: 10, size: 20 }
    }
}

/// `[sched]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerConfig {
    /// Lanes running at once on this node.
    pub max_concurrent: u32,
    /// Requests waiting on this node, per tier.
    pub max_queued: u32,
    /// Longest wait in the queue in milliseconds: gold, silver, bronze.
    pub queue_timeout_ms: [u64; 3],
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            max_concurrent: 16_384,
            max_queued: 4_096,
            queue_timeout_ms: [2_000, 5_000, 2_000],
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest HTTP body and reassembled message in bytes.
    pub max_body_bytes: usize,
    /// Largest ATP frame in bytes.
    pub max_frame_bytes: usize,
    /// Longest wait for a request's head and body in milliseconds.
    pub read_timeout_ms: u64,
    /// Connections at once.
    pub max_connections: usize,
    /// A client that reads nothing for this long is let go, in milliseconds.
    pub write_stall_ms: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_frame_bytes: 1 << 20,
            read_timeout_ms: 10_000,
            max_connections: 20_000,
            write_stall_ms: 30_000,
        }
    }
}

/// `[timeouts]`, atp.md 22.4, in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// Dialling an adapter.
    pub connect_ms: u64,
    /// Its estimate of a request, where it gives any; 0 asks for none.
    pub estimate_ms: u64,
    /// Between two polls of a configured adapter's health.
    pub health_poll_ms: u64,
    /// Its first chunk.
    pub first_chunk_ms: u64,
    /// Between chunks.
    pub idle_ms: u64,
    /// A request without a deadline of its own.
    pub request_ms: u64,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            connect_ms: 1_000,
            estimate_ms: 500,
            health_poll_ms: 10_000,
            first_chunk_ms: 10_000,
            idle_ms: 15_000,
            request_ms: DEADLINE_MS,
        }
    }
}

/// `[breaker]`, atp.md section 23: of every adapter alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures, less successes, at which a circuit opens.
    pub fail_threshold: u32,
    /// How long it stays open, in milliseconds.
    pub reset_timeout_ms: u64,
    /// What that is multiplied by each time a probe fails, up to five minutes or itself if it is longer.
    pub reset_backoff: f64,
    /// Successes of probes that close it, and most probes out at once.
    pub half_open_successes: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            fail_threshold: 5,
            reset_timeout_ms: 30_000,
            reset_backoff: 1.0,
            half_open_successes: 2,
        }
    }
}

/// `[compat]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompatConfig {
    /// Client dialects accepted on `/ws`: `ts`, `go`, `py`.
    pub dialects: Vec<String>,
    /// Accept `?api_key=`; absent means on loopback only.
    pub query_api_key: Option<bool>,
    /// Answer an exhausted budget with 429 instead of 402.
    pub budget_429: bool,
    /// Serve `POST /v1/verify_frame`; `false` answers that the check was skipped.
    pub verify_frame: bool,
}

impl Default for CompatConfig {
    fn default() -> Self {
        Self {
            dialects: ["ts", "go", "py"].map(str::to_owned).to_vec(),
            query_api_key: None,
            budget_429: false,
            verify_frame: true,
        }
    }
}
