//! What the configuration comes to for the parts of a node.

use std::sync::Arc;
use std::time::Duration;

use atp_actors::adapter::{Burst, Hearsay, Watch};
use atp_actors::session::{RepeatSettings, RouterSettings, SharedSettings, Timeouts};
use atp_actors::streams::StreamSettings;
use atp_protocol::flow::AimdConfig;
use atp_routing::{breaker, scheduler};

use crate::config::Config;
use crate::live::Live;
use crate::surfaces::{Adjustable, Settings};

/// Decisions of recent requests kept for `explain`.
const DECISIONS_MAX: usize = 4_096;

/// Limits and habits of the surfaces.
pub(crate) fn surface(config: &Config, live: &Live) -> Settings {
    Settings {
        router_id: config.node.name.clone(),
        adjustable: Arc::clone(&live.adjustable),
        read_timeout: Duration::from_millis(config.limits.read_timeout_ms),
        query_api_key: config
            .compat
            .query_api_key
            .unwrap_or(config.node.listen.ip().is_loopback()),
        open_metrics: config
            .metrics
            .open
            .unwrap_or(config.node.listen.ip().is_loopback()),
        frame_bytes: config.limits.max_frame_bytes,
        drain_ms: config.node.drain_timeout_ms,
        write_stall: Duration::from_millis(config.limits.write_stall_ms),
        needs_fresh_hello: config
            .auth
            .hello_nonce
            .unwrap_or(!config.node.listen.ip().is_loopback()),
        accepts_dialects: !config.compat.dialects.is_empty(),
    }
}

/// What of it may change while the node runs.
pub(crate) fn adjustable(config: &Config) -> Adjustable {
    Adjustable {
        max_body_bytes: config.limits.max_body_bytes,
        budget_429: config.compat.budget_429,
        request_ms: config.timeouts.request_ms,
    }
}

/// How long adapters may be silent, which may change too.
pub(crate) fn timeouts(config: &Config) -> Timeouts {
    Timeouts {
        first_chunk_ms: config.timeouts.first_chunk_ms,
        idle_ms: config.timeouts.idle_ms,
    }
}

/// How adapters are watched.
pub(crate) fn watch(config: &Config, hearsay: Arc<dyn Hearsay>) -> Watch {
    let breaker = &config.breaker;
    let defaults = breaker::Settings::default();
    Watch {
        health_poll: Duration::from_millis(config.timeouts.health_poll_ms),
        breaker: breaker::Settings {
            fail_threshold: breaker.fail_threshold,
            reset_timeout_ms: breaker.reset_timeout_ms,
            half_open_successes: breaker.half_open_successes,
            reset_backoff: breaker.reset_backoff,
            reset_timeout_max_ms: defaults.reset_timeout_max_ms.max(breaker.reset_timeout_ms),
        },
        burst: (config.burst.rate > 0).then_some(Burst {
            rate: config.burst.rate,
            size: config.burst.size,
        }),
        hearsay,
    }
}

pub(crate) fn router(config: &Config, arbiters: usize, live: &Live) -> RouterSettings {
    let slots = (config.sched.max_concurrent as usize).div_ceil(arbiters);
    let mut scheduler = scheduler::Settings {
        slots,
        ..scheduler::Settings::default()
    };
    for (tier, timeout_ms) in scheduler.tiers.iter_mut().zip(config.sched.queue_timeout_ms) {
        tier.queue_timeout_ms = timeout_ms;
        tier.queue_max = (config.sched.max_queued as usize).div_ceil(arbiters);
    }
    RouterSettings {
        region: "local".into(),
        prices: Arc::new(crate::adapters::price_table(config)),
        drain_ms: config.budget.drain_ms,
        drain_bytes: config.budget.drain_bytes,
        scheduler,
        write_stall_ms: config.limits.write_stall_ms,
        estimate_ms: config.timeouts.estimate_ms,
        timeouts: Arc::clone(&live.timeouts),
    }
}

pub(crate) fn shared(config: &Config) -> SharedSettings {
    SharedSettings {
        decisions_max: DECISIONS_MAX,
        history_bytes: config.resume.max_bytes,
        repeats: RepeatSettings {
            ttl_ms: config.idempotency.ttl_ms,
            keys_max: config.idempotency.max_keys as u64,
            bytes_max: config.idempotency.max_bytes as u64,
        },
        streams: StreamSettings {
            ttl_ms: config.resume.ttl_ms,
            buffer_bytes: config.resume.buffer_bytes,
            streams_max: config.resume.max_streams,
        },
        aimd: aimd(config),
        is_aimd_tuned: config.aimd.tuned,
    }
}

fn aimd(config: &Config) -> AimdConfig {
    AimdConfig {
        base: config.aimd.base,
        max_cap: config.aimd.cap,
        add: f64::from(config.aimd.add),
        mult: config.aimd.mult,
        ..AimdConfig::default()
    }
}
